"""Tier C: Python in a WebAssembly machine, for computers whose kernel offers no walls of its own.

`inside.py` and `plain_models.py` run in the machine, `worker.py` in the process that holds the machine, the rest in
the server. CPython with the guest's program and much of the standard library is built once into one component
(`components.py`); each run gets a fresh instance of it, with no file, socket, process or variable of the computer's.
The libraries that it takes are an extra of their own, so nothing here imports them before it is used.
"""
