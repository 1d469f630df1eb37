"""Where other people's code runs: one Protocol (`engine.py`), one file per engine.

An engine is handed code and arguments and gives back an outcome. It knows nothing of callers, keys or storage, and
nothing but `app` knows which engines there are.
"""
