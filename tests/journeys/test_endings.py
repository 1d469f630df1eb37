"""How sandboxed runs end when their caller or their server goes away: recorded, and with no process left behind."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx2
import pytest

from jinba_mcp import app as composition
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import Run, RunFilter
from jinba_mcp.settings import Settings
from tests.journeys import processes, tools
from tests.journeys.houses import SETTINGS, WITHIN_S, House
from tests.journeys.outside import Outside
from tests.resilience.doors import Door, Tool, call
from tests.resilience.places import Place, Server
from tests.resilience.wire import connected

pytestmark = pytest.mark.slow  # each waits for a server with many ToolSets

HOLD = {"python": Tool("online-tools", "hold"), "typescript": Tool("online-scripts", "hold")}


@pytest.mark.parametrize("language", HOLD)
@pytest.mark.parametrize("door", Door)
async def test_a_run_whose_caller_hangs_up_is_cancelled_and_its_process_ended(
    house: House, language: str, door: Door
) -> None:
    name = f"{language}-{door.name}"
    with anyio.fail_after(WITHIN_S):
        async with connected(house.server.port) as connection:
            url = house.outside.url(f"/hold/{name}")
            await connection.send(call(door, house.server.key, HOLD[language], {"url": url}))
            assert await anyio.to_thread.run_sync(house.outside.came) == f"/hold/{name}"
            (run_id,) = await house.server.runs(status="running")
            connection.hang_up()
        record = await house.server.ended(run_id)
        assert await anyio.to_thread.run_sync(house.outside.left) == f"/hold/{name}"
    assert (record["status"], record["error"]["name"]) == ("cancelled", "Cancelled")


@pytest.mark.parametrize("way", ["cancels", "leaves"])
async def test_a_run_over_stdio_is_cancelled_when_its_client_gives_it_up(house: House, way: str) -> None:
    url = house.outside.url(f"/hold/stdio-{way}")
    with anyio.fail_after(WITHIN_S):
        async with house.stdio_client("online-tools") as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "hold", {"url": url})
                await anyio.to_thread.run_sync(house.outside.came)
                tasks.cancel_scope.cancel()
            if way == "cancels":
                assert await anyio.to_thread.run_sync(house.outside.left) == f"/hold/stdio-{way}"
        if way == "leaves":
            assert await anyio.to_thread.run_sync(house.outside.left) == f"/hold/stdio-{way}"
    record = house.newest("stdio")
    assert (record["status"], record["input"]) == ("cancelled", {"url": url})


@pytest.fixture
def own(tmp_path: Path, outside: Outside) -> Iterator[tuple[Place, Server]]:
    """A server that a test may end."""
    tools.write_online(tmp_path / "toolsets", outside)
    private = {"JINBA_SANDBOX_PRIVATE_HOSTS": f"localhost:{outside.port}"}
    place = Place(tmp_path, None, SETTINGS | private | {"JINBA_SHUTDOWN_GRACE_S": "6"})
    with place.serving() as server:
        yield place, server


async def recorded(place: Place) -> list[Run]:
    """The runs in the place's database, newest first."""
    settings = Settings(data_dir=place.folder / "data", load_toolsets=False)
    async with composition.opened(settings) as app:
        operator = await app.core.organizations.operator("default")
        return list((await app.core.history.page(operator, "default", RunFilter(), PageRequest())).items)


async def hold(server: Server, outside: Outside, tool: Tool, name: str, answers: dict[str, int]) -> None:
    headers = {"Authorization": f"Bearer {server.key}"}
    body = {"url": outside.url(f"/hold/{name}")}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=WITHIN_S) as http:
        try:
            answer = await http.post(tool.run_path, json=body, headers=headers)
            answers[name] = answer.status_code
        except httpx2.TransportError:
            answers[name] = 0


async def came(outside: Outside, count: int) -> None:
    for _ in range(count):
        await anyio.to_thread.run_sync(outside.came)


async def test_at_sigterm_runs_get_their_grace_and_no_process_is_left(
    house: House, own: tuple[Place, Server], outside: Outside
) -> None:
    place, server = own
    answers: dict[str, int] = {}
    with anyio.fail_after(WITHIN_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hold, server, outside, HOLD["python"], "finishing", answers)
            tasks.start_soon(hold, server, outside, HOLD["typescript"], "stuck", answers)
            await came(outside, 2)
            left = processes.below(server.process.pid)
            server.terminate()
            outside.release("finishing")
    assert server.process.wait(WITHIN_S) == 0
    processes.until_gone(left)
    assert answers == {"finishing": 200, "stuck": 503}
    assert sorted(run.status for run in await recorded(place)) == ["cancelled", "success"]


async def test_a_server_that_is_killed_leaves_no_process_behind(
    house: House, own: tuple[Place, Server], outside: Outside
) -> None:
    place, server = own
    answers: dict[str, int] = {}
    with anyio.fail_after(WITHIN_S):
        async with anyio.create_task_group() as tasks:
            for language, tool in HOLD.items():
                tasks.start_soon(hold, server, outside, tool, f"killed-{language}", answers)
            await came(outside, 2)
            left = processes.below(server.process.pid)
            assert len(left) >= len(HOLD) * 2
            server.kill()
    processes.until_gone(left)
    assert set(answers.values()) == {0}
    with place.serving() as again, anyio.fail_after(WITHIN_S):
        while await again.runs(status="running"):
            pass
        assert [run["error"]["name"] for run in (await again.runs()).values()] == ["Interrupted"] * len(HOLD)
