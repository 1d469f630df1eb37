"""Tier C, run for real: skipped where the extra is not installed."""
