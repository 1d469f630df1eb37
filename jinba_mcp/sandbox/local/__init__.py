"""The `local` engine: strangers' code on this machine, behind walls that its kernel offers.

`engine.py` is the engine; `homes.py` keeps for each version a zygote (`zygotes.py`), a process from which its workers
(`workers.py`) are forked; the program that they run is `sandbox/guest`. A run's env and arguments go over a socket of
its own, and never through the zygote.
"""
