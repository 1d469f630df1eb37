"""Engines on other people's machines, against servers of ours that speak the real APIs' shapes and run the commands."""
