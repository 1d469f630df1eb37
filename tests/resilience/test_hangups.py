"""Clients that go away in the middle, at every point where one can; the server notices and goes on."""

import re

import anyio
import pytest

from tests.resilience import doors, gates
from tests.resilience.doors import ORGANIZATION, Door, call, called
from tests.resilience.places import Server
from tests.resilience.tools import ECHO_TOOL, HOLD_TOOL
from tests.resilience.wire import Connection, connected

WITHIN_S = 25
"""Less than a server waits for what does not come."""
STALLED = 50
MCP = [Door.HANDSHAKE, Door.MODERN]

pytestmark = pytest.mark.slow


def echo(server: Server, door: Door = Door.REST) -> bytes:
    return call(door, server.key, ECHO_TOOL, {"number": 7, "text": "whole"})


async def in_flight_count(server: Server) -> int:
    """How many requests are being answered, beside the one that asks."""
    found = re.search(rb"^jinba_http_requests_in_flight ([0-9.]+)$", (await server.ask("/metrics")).body, re.MULTILINE)
    assert found is not None
    return int(float(found[1])) - 1


async def all_requests_ended(server: Server) -> None:
    while await in_flight_count(server):
        pass


@pytest.mark.parametrize("is_reset", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize("door", Door)
async def test_a_run_whose_caller_hangs_up_is_cancelled(server: Server, door: Door, *, is_reset: bool) -> None:
    with anyio.fail_after(WITHIN_S):
        async with gates.opened() as gate:
            async with connected(server.port) as connection:
                await connection.send(call(door, server.key, HOLD_TOOL, {"port": gate.port, "name": "left"}))
                await gate.arrival("left")
                (run_id,) = await server.runs(status="running")
                if is_reset:
                    connection.hang_up()
            record = await server.ended(run_id)
        assert (record["status"], record["error"]["name"]) == ("cancelled", "Cancelled")
        await all_requests_ended(server)
        async with connected(server.port) as connection:
            assert called(door, await connection.ask(echo(server, door))).is_success


@pytest.mark.parametrize("door", Door)
@pytest.mark.parametrize("sent", [1, 40, -20, -1], ids=["a byte", "half a head", "half a body", "all but a byte"])
async def test_a_request_that_breaks_off_runs_nothing(server: Server, door: Door, sent: int) -> None:
    """A body that is shorter than its Content-Length is one of them."""
    before = await server.runs()
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            await connection.send(echo(server, door)[:sent])
        await all_requests_ended(server)
    assert await server.runs() == before


async def test_a_body_without_its_last_chunk_runs_nothing(server: Server) -> None:
    before = await server.runs()
    head, _, body = echo(server).partition(b"\r\n\r\n")
    head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            await connection.send(head + b"\r\n\r\n%x\r\n%b\r\n" % (len(body), body))
        await all_requests_ended(server)
    assert await server.runs() == before


@pytest.mark.parametrize("sent", [40, -1], ids=["in the head", "in the body"])
async def test_clients_that_stall_do_not_keep_others_waiting(server: Server, sent: int) -> None:
    with anyio.fail_after(WITHIN_S):
        async with anyio.create_task_group() as tasks:
            stalled = anyio.Event()
            left: list[Connection] = []

            async def stall() -> None:
                async with connected(server.port) as connection:
                    await connection.send(echo(server)[:sent])
                    left.append(connection)
                    await stalled.wait()

            for _ in range(STALLED):
                tasks.start_soon(stall)
            while len(left) < STALLED:
                await anyio.lowlevel.checkpoint()
            for door in Door:
                async with connected(server.port) as connection:
                    assert called(door, await connection.ask(echo(server, door))).is_success
            stalled.set()
        await all_requests_ended(server)


@pytest.mark.parametrize("door", MCP)
async def test_a_standing_stream_ends_with_its_client(server: Server, door: Door) -> None:
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            await connection.send(doors.listen(door, server.key, ECHO_TOOL.mcp_path))
            assert (await connection.head())[0] == 200
            assert await in_flight_count(server) == 1
            connection.hang_up()
        await all_requests_ended(server)


@pytest.mark.parametrize("door", MCP)
async def test_a_standing_stream_ends_with_its_client_though_another_request_waits_behind_it(
    server: Server, door: Door
) -> None:
    """uvicorn tells only the last request of a connection that the client is gone."""
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            await connection.send(doors.listen(door, server.key, ECHO_TOOL.mcp_path) + echo(server))
            assert (await connection.head())[0] == 200
        await all_requests_ended(server)


@pytest.mark.parametrize("is_at_once", [True, False], ids=["at once", "later"])
async def test_a_run_is_cancelled_though_another_request_waits_behind_it(server: Server, *, is_at_once: bool) -> None:
    before = await server.runs()
    with anyio.fail_after(WITHIN_S):
        async with gates.opened() as gate:
            async with connected(server.port) as connection:
                first = call(Door.REST, server.key, HOLD_TOOL, {"port": gate.port, "name": "first"})
                await connection.send(first + echo(server) * is_at_once)
                await gate.arrival("first")
                await connection.send(echo(server) * (not is_at_once))
                (run_id,) = await server.runs(status="running")
            assert (await server.ended(run_id))["status"] == "cancelled"
        await all_requests_ended(server)
    assert (await server.runs()).keys() - before.keys() == {run_id}


async def test_an_answer_that_nobody_reads_to_its_end_holds_nothing_up(server: Server) -> None:
    with anyio.fail_after(WITHIN_S):
        async with connected(server.port) as connection:
            await connection.send(server.get("/v1/openapi.json") * 20)
            await connection.head()
            connection.hang_up()
        await all_requests_ended(server)
        assert (await server.ask(f"{ORGANIZATION}/runs?limit=1")).status == 200
