"""SIGTERM under load: what is in flight gets its grace, streams end, newcomers are turned away, all is recorded."""

from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread
import pytest
from anyio.abc import TaskGroup

from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import SHUT_DOWN, Run, RunFilter
from jinba_mcp.storage.store import Store
from tests.resilience import doors, gates
from tests.resilience.doors import Door, call, called
from tests.resilience.places import Place, Server
from tests.resilience.tools import ECHO_TOOL, HOLD_TOOL
from tests.resilience.wire import Answer, HungUp, connected

CLIENTS = 12
WITHIN_S = 60
"""Less than any grace that is given where nothing is to be waited for."""
SHUTTING_DOWN = "server.shutting_down"

pytestmark = pytest.mark.slow
OpenStore = Callable[[str], Awaitable[Store]]


async def recorded(open_store: OpenStore, place: Place) -> dict[str, Run]:
    """Every run in the database of a server that has ended."""
    store = await open_store(place.database)
    found: dict[str, Run] = {}
    request: PageRequest | None = PageRequest(limit=200)
    async with store.read() as tx:
        organization = await tx.organizations.find("default")
        assert organization is not None
        while request is not None:
            page = await tx.runs.page(OrganizationId(organization.id), RunFilter(), request)
            found |= {run.id: run for run in page.items}
            request = None if page.next_cursor is None else PageRequest(limit=200, after=page.next_cursor)
    return found


def _is_turned_away(door: Door, answer: Answer) -> bool:
    """With 503 in words: MCP says it in the answer that the request is owed, whose head may have gone out already."""
    if door is Door.REST:
        return answer.status == 503 and answer.json["code"] == SHUTTING_DOWN
    return "error" in answer.json and answer.json["error"]["data"]["code"] == SHUTTING_DOWN


class Load:
    """Clients that call until they are turned away, and what all callers were told."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.succeeded: set[str] = set()
        self.held: dict[str, Answer] = {}
        self.turned_away: list[Answer] = []
        self.is_running = anyio.Event()

    def start(self, tasks: TaskGroup) -> None:
        for client in range(CLIENTS):
            tasks.start_soon(self._call_until_turned_away, tuple(Door)[client % len(Door)])

    async def hold(self, door: Door, port: int, name: str) -> None:
        async with connected(self._server.port) as connection:
            raw = call(door, self._server.key, HOLD_TOOL, {"port": port, "name": name})
            self.held[name] = await connection.ask(raw)

    async def _call_until_turned_away(self, door: Door) -> None:
        raw = call(door, self._server.key, ECHO_TOOL, {"number": 1, "text": "on and on"})
        try:
            while True:
                async with connected(self._server.port) as connection:
                    answer = await connection.ask(raw)
                if _is_turned_away(door, answer):
                    self.turned_away.append(answer)
                    return
                self.succeeded.add(called(door, answer).run_id)
                if len(self.succeeded) > CLIENTS:
                    self.is_running.set()
        except (HungUp, ConnectionError):
            return


async def _listen_to_the_end(server: Server, door: Door, listening: anyio.Event, ended: list[Door]) -> None:
    async with connected(server.port) as connection:
        await connection.send(doors.listen(door, server.key, ECHO_TOOL.mcp_path))
        status, headers = await connection.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream")
        listening.set()
        assert (await connection.rest()).endswith(b"0\r\n\r\n")
        ended.append(door)


async def _listen_in_both_eras(server: Server, tasks: TaskGroup, ended: list[Door]) -> None:
    for door in (Door.HANDSHAKE, Door.MODERN):
        listening = anyio.Event()
        tasks.start_soon(_listen_to_the_end, server, door, listening, ended)
        await listening.wait()


async def _is_refused(server: Server) -> bool:
    try:
        return (await server.ask("/v1/me")).status == 503
    except (HungUp, ConnectionError):
        return True


async def test_at_sigterm_under_load_runs_get_their_grace_and_every_end_is_recorded(
    sqlite_place: Place, open_store: OpenStore
) -> None:
    """Issue 2, bad input: a clean shutdown, in which runs in flight get their grace and are then cancelled."""
    sqlite_place.settings = {"JINBA_SHUTDOWN_GRACE_S": "6"}
    ended: list[Door] = []
    with sqlite_place.serving() as server, anyio.fail_after(60):
        load = Load(server)
        async with gates.opened() as gate, anyio.create_task_group() as tasks:
            await _listen_in_both_eras(server, tasks, ended)
            for door in Door:
                for name in (f"in time by {door}", f"too late by {door}"):
                    tasks.start_soon(load.hold, door, gate.port, name)
                    await gate.arrival(name)
            load.start(tasks)
            await load.is_running.wait()
            server.terminate()
            while not await _is_refused(server):
                pass
            for door in Door:
                gate.release(f"in time by {door}")
            code = await anyio.to_thread.run_sync(server.process.wait, WITHIN_S)
    assert code == 0
    assert sorted(ended) == sorted([Door.HANDSHAKE, Door.MODERN])

    runs = await recorded(open_store, sqlite_place)
    held = {str(run.input["name"]): run for run in runs.values() if run.tool_slug == HOLD_TOOL.name}
    for door in Door:
        in_time, too_late = held[f"in time by {door}"], held[f"too late by {door}"]
        assert called(door, load.held[f"in time by {door}"]).run_id == in_time.id
        assert in_time.status == "success"
        assert _is_turned_away(door, load.held[f"too late by {door}"])
        assert (too_late.status, too_late.error) == ("cancelled", SHUT_DOWN)
    assert {run_id for run_id in load.succeeded if runs[run_id].status != "success"} == set()
    assert {run.status.value for run in runs.values() if run.tool_slug == ECHO_TOOL.name} <= {"success", "cancelled"}
    assert "Traceback" not in server.logged()


async def test_standing_streams_do_not_hold_a_shutdown_up(sqlite_place: Place) -> None:
    sqlite_place.settings = {"JINBA_SHUTDOWN_GRACE_S": "300"}
    ended: list[Door] = []
    with sqlite_place.serving() as server, anyio.fail_after(WITHIN_S):
        async with anyio.create_task_group() as tasks, connected(server.port) as idle:
            assert (await idle.ask(server.get("/v1/me"))).status == 200
            await _listen_in_both_eras(server, tasks, ended)
            server.terminate()
            assert await idle.is_closed()
            assert await anyio.to_thread.run_sync(server.process.wait, WITHIN_S) == 0
    assert sorted(ended) == sorted([Door.HANDSHAKE, Door.MODERN])
