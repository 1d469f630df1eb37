"""Holds the WebAssembly machine: makes fresh instances of the component and runs each once. For child processes only.

Of WASI an instance gets the clocks and random numbers. It opens no folder, is handed no variable and no
argument, and wasmtime lets it reach no address, since nothing here says that it may.
"""

from collections.abc import Callable
from pathlib import Path

from wasmtime import ExitTrap, Store, WasiConfig, WasmtimeError
from wasmtime.component import Component, Linker

from jinba_mcp.sandbox.wasm.compiling import engine

INTERPRETER_BYTES = 24 * 1024 * 1024
"""What the interpreter and its modules take of an instance's memory before any code of a tool runs."""
_TRAPPED_STATUS = 134  # as a shell tells of SIGABRT


class Ended(Exception):
    """The instance came to its end without an answer; `status` is what it would have exited with."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Machine:
    """A compiled component, from which instances are made; `tell` is where the current one's progress goes."""

    def __init__(self, compiled: Path) -> None:
        """Map the machine code. It is trusted as our own: whoever may write to the cache may run code as the server."""
        self.tell: Callable[[str], None] = _to_nobody
        self.log: Callable[[int, str], None] = _nowhere
        self._engine = engine()
        self.component = Component.deserialize_file(self._engine, str(compiled))
        self.linker = Linker(self._engine)
        self.linker.add_wasip2()
        with self.linker.root() as root:
            root.add_func("tell", lambda _store, progress: self.tell(progress))
            root.add_func("log", lambda _store, number, text: self.log(number, text))

    def fresh(self) -> "Instance":
        """An instance in which nothing has run yet."""
        return Instance(self, Store(self._engine))

    def interrupt(self) -> None:
        """End whatever runs now, from another thread; code that waits in a sleep notices only when it wakes."""
        self._engine.increment_epoch()


class Instance:
    """One run's memory and streams."""

    def __init__(self, machine: Machine, store: Store) -> None:
        self.stdout, self.stderr = _Stream(), _Stream()
        # Its own streams lead nowhere: wasmtime would call back from threads of its own, which Python does not survive.
        store.set_wasi(WasiConfig())
        store.set_epoch_deadline(1)
        self._store = store
        self._machine = machine
        self._instance = machine.linker.instantiate(store, machine.component)

    def run(self, order: str, arguments: str, *, memory_bytes: int, log_bytes: int) -> str:
        """What `inside.run` gives.

        Raises:
            Ended: it gave nothing.
        """
        self.stdout.room = self.stderr.room = log_bytes + 1
        self._machine.log = self._log
        self._store.set_limits(memory_size=INTERPRETER_BYTES + memory_bytes)
        function = self._instance.get_func(self._store, "run")
        if function is None:
            raise Ended(_TRAPPED_STATUS)
        try:
            answer = function(self._store, order, arguments)
        except ExitTrap as trap:
            raise Ended(trap.code) from None
        except (WasmtimeError, UnicodeError):
            raise Ended(_TRAPPED_STATUS) from None
        return str(answer)

    def _log(self, number: int, text: str) -> None:
        stream = self.stdout if number == 1 else self.stderr
        # Cut before it is encoded: it may be as long as the memory that the run has.
        stream.write(text[: stream.room].encode())

    def close(self) -> None:
        """Give its memory back."""
        self._store.close()


class _Stream:
    """What was written to one stream, as far as it fits."""

    def __init__(self) -> None:
        self.room = 0
        self.kept = bytearray()

    def write(self, data: bytes) -> None:
        kept = data[: self.room]
        self.room -= len(kept)
        self.kept += kept


def _to_nobody(_progress: str) -> None:
    """No run is on."""


def _nowhere(_number: int, _text: str) -> None:
    """No run is on."""
