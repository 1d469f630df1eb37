"""Tools that do what no tool should; the server outlives each of them and says what happened."""

import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from tests.resilience import gates
from tests.resilience.conftest import THREADS
from tests.resilience.doors import Called, Door, Tool, call, called
from tests.resilience.gates import Gate
from tests.resilience.places import Server
from tests.resilience.tools import BRIEF_HOLD_TOOL, ECHO_TOOL
from tests.resilience.wire import connected

WITHIN_S = 60

pytestmark = [
    pytest.mark.slow,
    # No tool knows which database its run is recorded in.
    pytest.mark.parametrize("shared_server", ["sqlite"], indirect=True, scope="session"),
]


def unruly(name: str) -> Tool:
    return Tool("unruly-tools", name)


async def ask(server: Server, door: Door, tool: Tool, **arguments: object) -> Called:
    async with connected(server.port) as connection:
        return called(door, await connection.ask(call(door, server.key, tool, arguments)))


async def echo_works(server: Server, door: Door) -> bool:
    async with connected(server.port) as connection:
        answer = await connection.ask(call(door, server.key, ECHO_TOOL, {"number": 7, "text": "still here"}))
        return answer.status == 200 and called(door, answer).is_success


@pytest.mark.parametrize("door", Door)
@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("raise", {"text": "canary"}, "ValueError: no luck with canary"),
        ("unserialisable", {}, "OutputInvalid: "),
        ("huge", {}, "OutputLimit: "),
        ("exit", {}, "SystemExit: 3"),
        ("interrupt", {}, "KeyboardInterrupt: "),
        ("exit-later", {}, "SystemExit: 3"),
        ("interrupt-later", {}, "KeyboardInterrupt: "),
    ],
)
async def test_a_tool_that_fails_is_a_failed_run_and_nothing_more(
    server: Server, door: Door, name: str, arguments: dict[str, object], error: str
) -> None:
    with anyio.fail_after(WITHIN_S):
        run = await ask(server, door, unruly(name), **arguments)
        assert (run.is_success, run.output) == (False, None)
        assert run.error.startswith(error.rstrip())
        record = await server.run(run.run_id)
        for again in Door:
            assert await echo_works(server, again)
    assert (record["status"], record["output"], record["input"]) == ("failed", None, arguments)
    assert f"{record['error']['name']}: {record['error']['message']}" == run.error


async def test_the_traceback_of_a_tool_shows_its_own_code_and_nothing_of_ours(server: Server) -> None:
    """And it is in the record, not in the server's log, as the fixture makes sure."""
    with anyio.fail_after(WITHIN_S):
        record = await server.run((await ask(server, Door.REST, unruly("raise"), text="canary")).run_id)
    traceback = record["error"]["traceback"]
    assert 'raise ValueError(f"no luck with {text}")' in traceback
    assert "jinba_mcp" not in traceback
    assert "canary" not in server.logged()


@pytest.mark.parametrize("door", Door)
async def test_what_a_tool_prints_is_in_its_record_and_nowhere_else(server: Server, door: Door) -> None:
    said = f"printed through {door.name}"
    with anyio.fail_after(WITHIN_S):
        run = await ask(server, door, unruly("print"), text=said)
        record = await server.run(run.run_id)
    assert record["logs"] == {"stdout": [said, said], "stderr": [said]}
    assert said not in server.logged()
    assert server.process.stdout is not None
    assert select.select([server.process.stdout], [], [], 0)[0] == []


@asynccontextmanager
async def _every_thread_taken(server: Server) -> AsyncIterator[list[Called]]:
    """Within the block every thread runs a tool that was given up; the runs of the tools are what it is given."""
    runs: list[Called] = []

    async def hold(door: Door, gate: Gate, name: str) -> None:
        runs.append(await ask(server, door, BRIEF_HOLD_TOOL, port=gate.port, name=name))

    async with gates.opened() as gate:
        async with anyio.create_task_group() as tasks:
            for number in range(THREADS):
                tasks.start_soon(hold, tuple(Door)[number % len(Door)], gate, f"{number}")
                await gate.arrival(f"{number}")
        yield runs


async def test_tools_that_never_return_time_out_and_full_threads_are_a_limit_that_says_so(server: Server) -> None:
    with anyio.fail_after(WITHIN_S):
        async with _every_thread_taken(server) as runs:
            records = [await server.run(run.run_id) for run in runs]
            assert [(run.is_success, run.error.partition(":")[0]) for run in runs] == [(False, "Timeout")] * THREADS
            assert {record["status"] for record in records} == {"timeout"}

            async with connected(server.port) as connection:
                raw = call(Door.REST, server.key, ECHO_TOOL, {"number": 1, "text": "one too many"})
                refused = await connection.ask(raw)
                assert (refused.status, refused.json["code"]) == (429, "limit.exceeded")
                assert f"All {THREADS} threads" in refused.json["detail"]
                assert int(refused.headers["retry-after"]) > 0
            for door in (Door.HANDSHAKE, Door.MODERN):
                told = await ask(server, door, ECHO_TOOL, number=1, text="one too many")
                assert f"All {THREADS} threads" in told.error
            assert (await server.ask("/v1/me")).status == 200

        while not await echo_works(server, Door.REST):
            pass
        for door in Door:
            assert await echo_works(server, door)
