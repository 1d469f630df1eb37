"""Several processes behind one port: they share the work, see each other's changes at once, and may die."""

import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.resilience.doors import ORGANIZATION, Door, call, called, headers_of
from tests.resilience.places import STOP_S, Place, Server
from tests.resilience.tools import ECHO_TOOL, write_steady
from tests.resilience.wire import Answer, Connection, connected, request

COUNT = 2
CONNECTIONS = 12
"""So many that each of two workers has one, but for once in two thousand times."""
WITHIN_S = 60
REPLACED = "event=worker.died"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="one process serves there")]


@pytest.fixture
def crowd(place: Place) -> Place:
    """A place whose servers have several workers."""
    return Place(place.folder, place.database_url, {"JINBA_WORKERS": str(COUNT)})


@pytest.fixture
def sqlite_crowd(tmp_path: Path) -> Place:
    write_steady(tmp_path / "toolsets")
    return Place(tmp_path, settings={"JINBA_WORKERS": str(COUNT)})


def echo(server: Server, number: int) -> bytes:
    return call(Door.REST, server.key, ECHO_TOOL, {"number": number, "text": "to anyone"})


def workers_of(server: Server) -> set[int]:
    """The processes that answer, as the kernel knows the children of the one that was started."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return {int(pid) for pid in children if "jinba_mcp.cli.worker" in Path(f"/proc/{pid}/cmdline").read_text()}


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def becomes(is_so: Callable[[], bool]) -> None:
    with anyio.fail_after(WITHIN_S):
        while True:
            if is_so():
                return
            await anyio.sleep(0.05)


@asynccontextmanager
async def many_connected(server: Server) -> AsyncIterator[list[Connection]]:
    async with AsyncExitStack() as opened:
        yield [await opened.enter_async_context(connected(server.port)) for _ in range(CONNECTIONS)]


async def asked(connections: list[Connection], raw: bytes) -> list[Answer]:
    return [await connection.ask(raw) for connection in connections]


async def test_a_change_by_one_is_seen_by_all_at_their_next_request(crowd: Place) -> None:
    with crowd.serving() as server:
        assert len(workers_of(server)) == COUNT
        made = request(
            "POST",
            f"{ORGANIZATION}/api-keys",
            headers_of(server.key),
            json.dumps({"name": "short-lived", "scopes": ["read", "execute"]}).encode(),
        )
        async with many_connected(server) as connections:
            answer = await connections[0].ask(made)
            assert answer.status == 201, answer
            key = answer.json
            run = call(Door.REST, key["key"], ECHO_TOOL, {"number": 1, "text": "still"})
            before = await asked(connections, run)
            revoked = await connections[0].ask(
                request("DELETE", f"{ORGANIZATION}/api-keys/{key['id']}", headers_of(server.key))
            )
            after = await asked(connections, run)

    assert [answer.status for answer in before] == [200] * CONNECTIONS
    assert revoked.status == 204
    assert [answer.status for answer in after] == [401] * CONNECTIONS


async def test_all_of_them_count_into_one_page_of_metrics(sqlite_crowd: Place) -> None:
    with sqlite_crowd.serving() as server:
        async with many_connected(server) as connections:
            for number, connection in enumerate(connections):
                assert called(Door.REST, await connection.ask(echo(server, number))).is_success
            pages = await asked(connections, request("GET", "/metrics", {}))

    counted = [
        line for page in pages for line in page.body.decode().splitlines() if line.startswith("jinba_runs_total{")
    ]
    assert Counter(counted) == {f'jinba_runs_total{{source="rest",status="success"}} {CONNECTIONS}.0': CONNECTIONS}


async def test_one_that_is_killed_is_replaced_and_nobody_else_notices(sqlite_crowd: Place) -> None:
    with sqlite_crowd.serving() as server:
        before = workers_of(server)
        os.kill(min(before), signal.SIGKILL)
        await becomes(lambda: len(workers_of(server)) == COUNT and workers_of(server) != before)
        async with many_connected(server) as connections:
            answers = await asked(connections, echo(server, 1))

        assert [answer.status for answer in answers] == [200] * CONNECTIONS
        assert REPLACED in server.logged()


async def test_a_reload_replaces_all_of_them_and_refuses_nobody(sqlite_crowd: Place) -> None:
    with sqlite_crowd.serving() as server:
        before = workers_of(server)
        statuses: Counter[int] = Counter()
        server.process.send_signal(signal.SIGHUP)
        with anyio.fail_after(WITHIN_S):
            while workers_of(server) & before or len(workers_of(server)) != COUNT:
                async with connected(server.port) as connection:
                    statuses[(await connection.ask(echo(server, 1))).status] += 1

    assert statuses.keys() == {200}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_none_of_them_outlives_the_one_that_started_them(sqlite_crowd: Place, number: signal.Signals) -> None:
    with sqlite_crowd.serving() as server:
        workers = workers_of(server)
        server.process.send_signal(number)
        status = await anyio.to_thread.run_sync(server.process.wait, STOP_S)
        await becomes(lambda: not any(map(is_running, workers)))

    assert status == (0 if number == signal.SIGTERM else -signal.SIGKILL)


async def test_a_second_server_on_the_port_is_told_at_once(sqlite_crowd: Place) -> None:
    with sqlite_crowd.serving() as server:
        second = sqlite_crowd.command("serve", "--port", str(server.port))

    assert second.returncode == 1
    assert "is in use" in second.stderr
