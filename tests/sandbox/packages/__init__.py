"""Tests of the package installer, against registries that are served on loopback: no test here needs the network."""
