"""Many callers at once by every door: each gets its own answer, and each run its own record."""

from typing import Any

import anyio
import pytest

from tests.resilience.doors import Called, Door, call, called, shake_hands
from tests.resilience.places import Place, Server
from tests.resilience.tools import ECHO_TOOL
from tests.resilience.wire import connected

CLIENTS = 64
CALLS = 2_000

pytestmark = pytest.mark.slow


def arguments_of(number: int) -> dict[str, Any]:
    return {"number": number, "text": f'call {number}: ä漢🎈\u2028 "quoted" \\ /'}


def output_of(number: int) -> dict[str, Any]:
    return {**arguments_of(number), "doubled": number * 2}


def door_of(client: int) -> Door:
    """Half of the clients speak REST, the others one era of MCP each."""
    return Door.REST if client % 2 else (Door.HANDSHAKE, Door.MODERN)[client // 2 % 2]


async def _call_one_after_the_other(server: Server, client: int, told: dict[int, Called]) -> None:
    door = door_of(client)
    async with connected(server.port) as connection:
        if door is Door.HANDSHAKE:
            await shake_hands(connection, server.key, ECHO_TOOL.mcp_path)
        for number in range(client, CALLS, CLIENTS):
            raw = call(door, server.key, ECHO_TOOL, arguments_of(number))
            told[number] = called(door, await connection.ask(raw))


async def test_two_thousand_calls_of_64_clients_give_as_many_right_answers_and_right_records(place: Place) -> None:
    """Issue 2, how it is shown, point 3."""
    told: dict[int, Called] = {}
    with place.serving() as server, anyio.fail_after(200):
        async with anyio.create_task_group() as clients:
            for client in range(CLIENTS):
                clients.start_soon(_call_one_after_the_other, server, client, told)
        records = await server.runs()

    assert sorted(told) == list(range(CALLS))
    assert [number for number, run in told.items() if not run.is_success or run.output != output_of(number)] == []
    assert records.keys() == {run.run_id for run in told.values()}
    assert len(records) == CALLS
    for number, run in told.items():
        record = records[run.run_id]
        assert record["input"] == arguments_of(number)
        assert record["output"] == output_of(number)
        assert (record["status"], record["source"]) == ("success", door_of(number % CLIENTS).source)
        assert (record["toolSetSlug"], record["toolSlug"]) == (ECHO_TOOL.toolset, ECHO_TOOL.name)
        assert record["finishedAt"] >= record["startedAt"]
