"""What tools find inside the machine, and what they do not."""

import socket

import pytest

from jinba_mcp.sandbox.engine import OutcomeStatus

from .conftest import MakeSetup, Running

pytestmark = pytest.mark.slow


async def test_modules_that_are_not_there_say_why(running: Running, setup: MakeSetup) -> None:
    ask = setup(
        """
        import importlib
        def run(names: list[str]) -> dict:
            found = {}
            for name in names:
                try:
                    importlib.import_module(name)
                    found[name] = "there"
                except ImportError as error:
                    found[name] = str(error)
            return found
        """
    )
    system = ["socket", "_socket", "ssl", "sqlite3", "ctypes", "subprocess", "multiprocessing", "http.client"]
    there = ["json", "decimal", "xml.etree.ElementTree", "email.mime.text", "zoneinfo", "encodings.cp1252", "threading"]

    async with running() as engine:
        found = (await engine.run(ask, {"names": [*system, *there, "idlelib", "requests"]})).output

    assert isinstance(found, dict)
    why = "in the WebAssembly sandbox: it has no sockets, processes, terminals or native code"
    assert {name: found[name] for name in system} == {name: f"There is no module '{name}' {why}" for name in system}
    assert {found[name] for name in there} == {"there"}
    assert (
        found["idlelib"]
        == "There is no module 'idlelib' in the WebAssembly sandbox: this part of the standard library was left out"
    )
    assert found["requests"] == "No module named 'requests'"


async def test_rich_content_and_threads_are_refused_in_words(running: Running, setup: MakeSetup) -> None:
    async with running() as engine:
        image = await engine.run(setup("from jinba_mcp.authoring import Image\ndef run(): pass"), {})
        pydantic = await engine.run(setup("import pydantic\ndef run(): pass"), {})
        thread = await engine.run(setup("def run():\n    import threading\n    threading.Thread().start()"), {})

    assert image.error is not None
    assert "There is no 'Image' in the WebAssembly sandbox, only progress." in image.error.message
    assert pydantic.error is not None
    assert "The WebAssembly sandbox offers nothing but the standard library" in pydantic.error.message
    assert thread.error is not None
    assert thread.error.message.startswith("There are no threads in the WebAssembly sandbox")


async def test_coroutines_run_with_timers_and_tasks(running: Running, setup: MakeSetup) -> None:
    wait = setup(
        """
        import asyncio
        async def run(count: int) -> list[int]:
            async def after(number: int) -> int:
                await asyncio.sleep(number / 1000)
                return number
            return await asyncio.gather(*(after(number) for number in range(count)))
        """
    )
    stuck = setup("import asyncio\nasync def run() -> None:\n    await asyncio.Event().wait()")

    async with running() as engine:
        waited = await engine.run(wait, {"count": 3})
        left = await engine.run(stuck, {})

    assert waited.output == [0, 1, 2]
    assert left.error is not None
    assert "nothing in the WebAssembly sandbox can bring about" in left.error.message


async def test_prints_are_kept_in_order_and_cut_at_the_limit(running: Running, setup: MakeSetup) -> None:
    speak = setup(
        """
        import sys
        print("loaded")
        def run() -> None:
            print("one", end="")
            print(" two")
            print("aside", file=sys.stderr)
            print("no end", end="")
        """
    )
    flood = setup("def run() -> int:\n    for _ in range(10_000): print('0123456789')\n    return 1", log_bytes=25)
    raw = setup(
        "import wit_world\ndef run() -> None:\n    for _ in range(99): wit_world.log(1, 'x' * 4000)", log_bytes=5
    )
    stuck = setup("import time\ndef run() -> None:\n    print('before')\n    time.sleep(99)", timeout_s=2)
    async with running(max_workers=1) as engine:
        spoken = (await engine.run(speak, {})).logs
        flooded = await engine.run(flood, {})
        raw_logs = (await engine.run(raw, {})).logs
        ended = await engine.run(stuck, {})
        after = (await engine.run(speak, {})).logs

    assert (spoken.stdout, spoken.stderr) == (("loaded", "one two", "no end"), ("aside",))
    assert (flooded.output, flooded.logs.stdout) == (1, ("0123456789", "0123456789", "012", "… (cut at 25 bytes)"))
    assert raw_logs.stdout == ("xxxxx", "… (cut at 5 bytes)")
    assert (ended.status, ended.logs.stdout) == (OutcomeStatus.TIMEOUT, ("before",))
    assert after == spoken


async def test_random_numbers_differ_from_run_to_run(running: Running, setup: MakeSetup) -> None:
    draw = setup("import random, uuid\ndef run() -> list:\n    return [random.random(), str(uuid.uuid4())]")

    async with running(max_workers=1) as engine:
        outcomes = [await engine.run(draw, {}) for _ in range(2)]

    first, second = (outcome.output for outcome in outcomes)
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert first[0] != second[0]
    assert first[1] != second[1]


async def test_arguments_that_fit_their_schema_fit_their_types(running: Running, setup: MakeSetup) -> None:
    add = setup("def run(a: int, b: float, c: list[int] = []) -> list:\n    return [a, b, type(a).__name__, c]")

    async with running() as engine:
        fitting = await engine.run(add, {"a": 1.0, "b": 2})
        wrong = await engine.run(add, {"a": "x", "b": 2})

    assert fitting.output == [1, 2.0, "int", []]
    assert wrong.error is not None
    assert (wrong.error.name, wrong.error.message) == ("ValidationError", "a: Input should be integer")


async def test_there_are_no_files_and_no_way_to_any_address(running: Running, setup: MakeSetup) -> None:
    reach = setup(
        """
        import asyncio, os
        socket = asyncio.selector_events.socket  # left behind by what was imported before it was taken away
        def run(port: int, path: str) -> dict:
            address = ("127.0.0.1", port)
            tries = {
                "list": lambda: os.listdir("/"),
                "read": lambda: open(path),
                "write": lambda: open("/x", "w"),
                "tcp": lambda: socket.socket().connect(address),
                "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", address),
                "listen": lambda: socket.socket().bind(("127.0.0.1", 0)),
                "resolve": lambda: socket.getaddrinfo("localhost", 80),
            }
            opened = []
            for name, attempt in tries.items():
                try:
                    attempt()
                    opened.append(name)
                except OSError:
                    pass
            return opened
        """
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        async with running() as engine:
            outcome = await engine.run(reach, {"port": server.getsockname()[1], "path": __file__})

    assert outcome.output == []
