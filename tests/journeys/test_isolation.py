"""Code runs in the sandbox, by whichever door it is called and whoever wrote it, and everybody can see that it does."""

import anyio
import pytest

from jinba_mcp.domain.errors import FieldsInvalid
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.toolsets import Origin
from tests.journeys.houses import WITHIN_S, House, issue

pytestmark = pytest.mark.slow  # each waits for a server with many ToolSets

WALLS = {"provider": "local", "tier": "namespaces", "level": "strong", "weaker": []}
GREETING = {"message": "Hello, Alice!"}
WHO_RUNS = """
import os

def run() -> dict:
    return {"pid": os.getpid(), "etc": sorted(os.listdir("/etc"))}
"""

both = pytest.mark.parametrize("toolset", ["plain-tools", "plain-scripts"])


@both
def test_a_folder_that_names_no_provider_runs_in_the_sandbox(house: House, toolset: str) -> None:
    record = house.run(f"{toolset}/greet", name="Alice")
    assert (record["output"], record["isolation"]) == (GREETING, WALLS)
    assert record["logs"]["stdout"] == ["greeting Alice"]


@both
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_by_mcp_runs_in_the_sandbox(house: House, toolset: str, mode: str) -> None:
    with anyio.fail_after(WITHIN_S):
        async with house.client(toolset, mode) as client:
            result = await client.call_tool("greet", {"name": "Alice"})
    assert (result.is_error, result.structured_content) == (False, GREETING)
    assert result.meta is not None
    record = house.record(result.meta["jinba-mcp/runId"])
    assert (record["source"], record["isolation"]) == ("mcp", WALLS)


async def test_a_call_by_stdio_runs_in_the_sandbox(house: House) -> None:
    with anyio.fail_after(WITHIN_S):
        async with house.stdio_client("plain-tools") as client:
            result = await client.call_tool("greet", {"name": "Alice"})
    assert result.structured_content == GREETING
    record = house.newest("stdio")
    assert (record["output"], record["isolation"]) == (GREETING, WALLS)


def test_the_server_says_which_walls_it_has(house: House) -> None:
    ready = house.http.get("/readyz").json()
    found = {each["name"]: (each["isolation"]["tier"], each["problem"]) for each in ready["sandboxes"]}
    assert found == {"inprocess": ("thread", None), "local": ("namespaces", None)}
    assert "The sandbox is up" in house.server.logged()
    assert "tier=namespaces" in house.server.logged()
    assert "level=strong" in house.server.logged()


async def test_code_that_came_through_the_api_runs_in_the_sandbox_and_never_in_the_server(house: House) -> None:
    who_runs = (SourceTool(slug="who-runs", code=WHO_RUNS),)
    described = (who_runs[0].model_copy(update={"input_schema": {"type": "object"}}),)
    async with house.core() as core:
        author = await core.keys.authenticate(await issue(core, Scope.WRITE, Scope.READ))
        pushed = await core.versions.push(author, "default", Source(slug="api-tools", tools=who_runs))
        wish = Sandbox(provider="inprocess")
        for tools in (who_runs, described):
            with pytest.raises(FieldsInvalid, match="never runs inside the server"):
                await core.versions.push(author, "default", Source(slug="sly-tools", tools=tools, sandbox=wish))
    assert pushed.version.origin is Origin.API
    record = house.run("api-tools/who-runs")
    assert record["isolation"] == WALLS
    assert record["output"]["pid"] == 1
    assert "shadow" not in record["output"]["etc"]


async def test_a_process_that_is_kept_serves_one_organization(house: House) -> None:
    path = "/v1/public/default/counting-tools/tools/count/run"
    async with house.core() as core:
        operator = await core.organizations.operator("default")
        await core.organizations.create(operator, "strangers", "Strangers")
        stranger = await issue(core, Scope.EXECUTE, organization="strangers")

    assert [house.run("counting-tools/count")["output"] for _ in range(3)] == [1, 2, 3]
    theirs = [house.ask("POST", path, key=stranger, body={}).json()["output"] for _ in range(2)]
    ours = house.ask("POST", path, body={}).json()

    assert (theirs, ours["output"]) == ([1, 2], 4)


def test_a_process_serves_one_run_unless_the_toolset_asks_otherwise(house: House) -> None:
    assert [house.run("plain-tools/count")["output"] for _ in range(3)] == [1, 1, 1]
