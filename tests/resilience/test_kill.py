"""What is left after `kill -9` under load and a restart, on both databases, as a client sees it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from tests.resilience import gates
from tests.resilience.doors import Called, Door, call, called
from tests.resilience.gates import Gate
from tests.resilience.places import Place, Server
from tests.resilience.tools import ECHO_TOOL, HOLD_TOOL
from tests.resilience.wire import HungUp, connected

CLIENTS = 16
ANSWERS = 200
HELD = ("held by REST", "held by MCP")

pytestmark = pytest.mark.slow


class Load:
    """Clients that call for as long as there is a server, and what they were told."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.told: dict[str, dict[str, Any]] = {}
        self.enough = anyio.Event()

    def start(self, tasks: TaskGroup, gate: Gate) -> None:
        for client in range(CLIENTS):
            tasks.start_soon(self._call_until_the_end, client)
        for name, door in zip(HELD, (Door.REST, Door.MODERN), strict=True):
            tasks.start_soon(self._hold, door, gate.port, name)

    async def _call_until_the_end(self, client: int) -> None:
        door = tuple(Door)[client % len(Door)]
        async with connected(self._server.port) as connection:
            number = client
            while (run := await self._called(connection.ask(self._echo(door, number)), door)) is not None:
                self.told[run.run_id] = {"number": number, "text": "before the end"}
                number += CLIENTS
                if len(self.told) >= ANSWERS:
                    self.enough.set()

    async def _hold(self, door: Door, port: int, name: str) -> None:
        async with connected(self._server.port) as connection:
            raw = call(door, self._server.key, HOLD_TOOL, {"port": port, "name": name})
            assert await self._called(connection.ask(raw), door) is None

    async def _called(self, asking: Any, door: Door) -> Called | None:
        try:
            return called(door, await asking)
        except HungUp:
            return None

    def _echo(self, door: Door, number: int) -> bytes:
        return call(door, self._server.key, ECHO_TOOL, {"number": number, "text": "before the end"})


async def _load_until_killed(server: Server) -> dict[str, dict[str, Any]]:
    load = Load(server)
    async with gates.opened() as gate, anyio.create_task_group() as tasks:
        load.start(tasks, gate)
        for name in HELD:
            await gate.arrival(name)
        await load.enough.wait()
        server.kill()
    return load.told


async def _records_after_a_restart(place: Place) -> dict[str, dict[str, Any]]:
    with place.serving() as server, anyio.fail_after(60):
        with anyio.fail_after(60):
            while await server.runs(status="running"):
                pass
        records = await server.runs()
        async with connected(server.port) as connection:
            raw = call(Door.REST, server.key, ECHO_TOOL, {"number": 1, "text": "after the restart"})
            assert called(Door.REST, await connection.ask(raw)).is_success
    return records


async def test_after_kill_9_under_load_every_answered_run_is_there_and_every_other_is_closed(place: Place) -> None:
    """Issue 2, point 3."""
    with place.serving() as server, anyio.fail_after(60):
        told = await _load_until_killed(server)
    assert len(told) >= ANSWERS

    with ThreadPoolExecutor(1) as beside:
        checking = beside.submit(place.command, "db", "check")
        records = await _records_after_a_restart(place)
    checked = checking.result()
    assert (checked.returncode, checked.stdout) == (0, "The database is healthy.\n"), checked
    assert told.keys() <= records.keys()
    interrupted = []
    for run_id, record in records.items():
        if record["status"] == "success":
            assert record["output"] == {**record["input"], "doubled": record["input"]["number"] * 2}
        else:
            interrupted.append(record)
            assert run_id not in told
            assert (record["status"], record["error"]["name"]) == ("failed", "Interrupted")
            assert record["output"] is None
            assert record["finishedAt"] is not None
    assert [records[run_id]["input"] for run_id in told] == list(told.values())
    held = {record["input"]["name"] for record in interrupted if record["toolSlug"] == HOLD_TOOL.name}
    assert held == set(HELD)
