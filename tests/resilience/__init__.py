"""Whole processes under stress: real servers over real sockets, with load, kills, hang-ups and bad input."""
