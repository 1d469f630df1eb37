"""The machine itself, held by the test."""

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from jinba_mcp.sandbox.wasm.machine import Machine

pytestmark = pytest.mark.slow


@pytest.fixture
def machine(compiled: Path) -> "Machine":
    from jinba_mcp.sandbox.wasm.machine import Machine  # noqa: PLC0415  the extra may be missing

    return Machine(compiled)


def order(code: str) -> str:
    told = {"code": code, "shown": "t.py", "entrypoint": "run", "env": {}, "log_bytes": 100, "output_bytes": 1000}
    return json.dumps(told)


def ran(machine: "Machine", code: str, memory_bytes: int = 64 * 1024 * 1024) -> Any:
    instance = machine.fresh()
    try:
        return json.loads(instance.run(order(code), "{}", memory_bytes=memory_bytes, log_bytes=100))
    finally:
        instance.close()


def test_an_instance_runs_once_in_a_memory_of_its_own(machine: "Machine") -> None:
    code = "import sys\ndef run() -> int:\n    sys.count = getattr(sys, 'count', 0) + 1\n    return sys.count"
    assert [ran(machine, code)["output"] for _ in range(2)] == [1, 1]


def test_memory_is_limited_beside_what_the_interpreter_needs(machine: "Machine") -> None:
    hold = "def run(n: int = {}) -> int:\n    return len(bytearray(n))"
    assert ran(machine, hold.format(1_000_000), 4_000_000)["output"] == 1_000_000
    assert ran(machine, hold.format(50_000_000), 4_000_000)["error"]["name"] == "MemoryError"


def test_streams_are_bounded(machine: "Machine") -> None:
    instance = machine.fresh()
    code = "from wit_world import log\ndef run() -> None:\n    log(1, 'x' * 70), log(1, 'y' * 70), log(2, 'z')"
    instance.run(order(code), "{}", memory_bytes=1_000_000, log_bytes=100)
    assert instance.stdout.kept == b"x" * 70 + b"y" * 31
    assert instance.stderr.kept == b"z"


@pytest.mark.parametrize("body", ["os._exit(3)", "os.abort()"])
def test_an_instance_may_end_without_an_answer(machine: "Machine", body: str) -> None:
    from jinba_mcp.sandbox.wasm.machine import Ended  # noqa: PLC0415  as above

    with pytest.raises(Ended):
        ran(machine, f"import os\ndef run():\n    {body}")


def test_a_run_is_interrupted_from_another_thread_and_the_next_is_not(machine: "Machine") -> None:
    from jinba_mcp.sandbox.wasm.machine import Ended  # noqa: PLC0415  as above

    begun = threading.Event()
    machine.tell = lambda _progress: begun.set()

    def interrupt() -> None:
        begun.wait()
        machine.interrupt()

    watch = threading.Thread(target=interrupt)
    watch.start()
    with pytest.raises(Ended):
        ran(machine, "from jinba_mcp.authoring import progress\ndef run():\n    progress(1)\n    while True: pass")
    watch.join()
    assert ran(machine, "def run() -> int:\n    return 1")["output"] == 1
