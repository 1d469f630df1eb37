"""The program of the machine, run by an ordinary Python, where the same is and is not there once it has been frozen."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import jinba_mcp

Inside = Callable[..., dict[str, Any]]
RUN = """
import json, sys
given = json.loads(sys.argv[1])
sys.path.insert(0, given["root"])
from jinba_mcp.sandbox.wasm import inside
# Newer than Python may be here; the machine has its own.
inside._STANDARD = inside._STANDARD.replace("string.templatelib", "")
inside.freeze()
out, told, logs = sys.stdout, [], []
order = {"shown": "t.py", "entrypoint": "run", "env": {"KEY": "value"}, "log_bytes": 20, "output_bytes": 1000}
answer = inside.run(json.dumps(order | given["order"]), given["arguments"], told.append, lambda *log: logs.append(log))
# What was shut is open again for whoever takes the coverage.
sys.meta_path.pop(0)
sys.stdout, sys.stderr = out, sys.__stderr__
print(json.dumps({"answer": json.loads(answer), "told": told, "logs": logs}))
"""


@pytest.fixture
def inside(measured: str) -> Inside:
    """What comes of a tool's code: the answer, its progress and its logs."""

    def run(code: str, arguments: str = "{}", **order: Any) -> dict[str, Any]:
        root = str(Path(jinba_mcp.__file__).parents[1])
        given = {"root": root, "arguments": arguments, "order": {"code": textwrap.dedent(code), **order}}
        command = [sys.executable, "-I", "-c", measured + RUN, json.dumps(given)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    return run


def test_a_tool_has_its_arguments_its_env_and_its_progress(inside: Inside) -> None:
    code = """
        import os
        from jinba_mcp.authoring import progress
        def run(n: int) -> list:
            progress(1, 2, "half")
            progress(2, None, None)
            return [n, os.environ["KEY"]]
    """

    came = inside(code, '{"n":3}')

    assert came["answer"]["output"] == [3, "value"]
    assert [json.loads(each) for each in came["told"]] == [[1, 2, "half"], [2, None, None]]


def test_a_tool_is_described_and_a_broken_one_says_where(inside: Inside) -> None:
    described = inside("def run(n: int) -> int: return n", "")
    broken = inside("\ndef run(:", "")

    assert described["answer"]["signature"]["input_schema"]["required"] == ["n"]
    assert broken["answer"]["fault"]["line"] == 2


def test_what_is_printed_is_cut_and_the_tool_goes_on(inside: Inside) -> None:
    code = """
        import sys
        def run() -> int:
            print("x" * 15)
            print("y" * 15)
            print("z")
            print("aside \\udcff", file=sys.stderr)
            sys.stderr.detach()
            return 1
    """

    came = inside(code)

    assert came["answer"]["output"] == 1
    assert "".join(text for number, text in came["logs"] if number == 1) == "x" * 15 + "\n" + "y" * 5
    assert "".join(text for number, text in came["logs"] if number == 2) == "aside \\udcff\n"


def test_modules_that_are_not_there_say_why(inside: Inside) -> None:
    code = """
        import importlib
        def run() -> dict:
            found = {}
            for name in ("socket", "ctypes", "idlelib", "requests", "decimal"):
                try:
                    importlib.import_module(name)
                    found[name] = "there"
                except ModuleNotFoundError as error:
                    found[name] = str(error)
            return found
    """

    found = inside(code)["answer"]["output"]

    why = "in the WebAssembly sandbox: it has no sockets, processes, terminals or native code"
    assert found["socket"] == f"There is no module 'socket' {why}"
    assert found["ctypes"] == f"There is no module 'ctypes' {why}"
    assert found["idlelib"].endswith("this part of the standard library was left out")
    assert found["requests"] == "No module named 'requests'"
    assert found["decimal"] == "there"


def test_coroutines_sleep_and_those_that_nothing_wakes_are_told(inside: Inside) -> None:
    sleeping = """
        import asyncio
        async def run() -> int:
            await asyncio.sleep(0.001)
            return 1
    """
    stuck = """
        import asyncio
        async def run() -> None:
            asyncio.get_running_loop().call_soon_threadsafe(print)
            await asyncio.Event().wait()
    """

    assert inside(sleeping)["answer"]["output"] == 1
    assert "nothing in the WebAssembly sandbox can bring about" in json.dumps(inside(stuck)["answer"]["error"])


def test_threads_are_refused_in_words(inside: Inside) -> None:
    code = "def run() -> None:\n    import threading\n    threading._start_joinable_thread(print)"

    assert "There are no threads in the WebAssembly sandbox" in json.dumps(inside(code)["answer"]["error"])
