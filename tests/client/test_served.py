"""Both clients against a real server process."""

from collections.abc import Iterator

import anyio
import pytest

from jinba_mcp.client import AsyncJinba, ConnectionFailed, DeadlineExceeded, Jinba, Retries
from tests.cli.conftest import write_tool
from tests.clients.serving import Registry, served

pytestmark = pytest.mark.slow

SLEEP = "import time\ndef run(seconds: float) -> dict:\n    time.sleep(seconds)\n    return {}\n"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("served")
    write_tool(folder / "toolsets")
    write_tool(folder / "toolsets", SLEEP, tool="sleep")
    with served(folder / "data", folder / "toolsets") as running:
        yield running


def test_the_blocking_client_runs_a_tool_over_the_network(registry: Registry) -> None:
    with Jinba(registry.url, api_key=registry.issue_key("read", "execute")) as jinba:
        results = [jinba.run("greeting-tools", "greet", {"name": name}) for name in ("Al", "Bo")]
        assert [result["output"] for result in results] == [{"message": "Hello, Al!"}, {"message": "Hello, Bo!"}]
        listed = [run["runId"] for run in jinba.runs.list(tool="greet", limit=1)]
        assert {result["runId"] for result in results} <= set(listed)


async def test_many_calls_go_on_at_the_same_time(registry: Registry) -> None:
    names = [f"Al {number}" for number in range(20)]
    answers: set[str] = set()
    async with AsyncJinba(registry.url, api_key=registry.issue_key("execute")) as jinba:

        async def greet(name: str) -> None:
            answers.add((await jinba.run("greeting-tools", "greet", {"name": name}))["output"]["message"])

        async with anyio.create_task_group() as group:
            for name in names:
                group.start_soon(greet, name)
    assert answers == {f"Hello, {name}!" for name in names}


def test_a_call_that_takes_too_long_is_given_up_and_found_again_by_its_key(registry: Registry) -> None:
    with Jinba(registry.url, api_key=registry.issue_key("read", "execute")) as jinba:
        with pytest.raises(DeadlineExceeded):
            jinba.run("greeting-tools", "sleep", {"seconds": 2}, idempotency_key="slow", timeout_s=0.5)
        result = jinba.run("greeting-tools", "sleep", {"seconds": 2}, idempotency_key="slow")
        assert result["success"]
        assert [run["runId"] for run in jinba.runs.list(tool="sleep")] == [result["runId"]]


def test_a_server_that_is_gone_is_said_to_be() -> None:
    retries = Retries(count=1, first_s=0.01)
    with (
        Jinba("http://127.0.0.1:9", api_key="jtb_x", retries=retries) as jinba,
        pytest.raises(ConnectionFailed, match=r"http://127\.0\.0\.1:9"),
    ):
        jinba.me()
