"""The local registry behind the client of a server."""

from jinba_mcp.app import App
from jinba_mcp.cli import reach
from jinba_mcp.client import AsyncJinba
from jinba_mcp.client.documents import Me
from tests.cli.conftest import AddTool, Jinba


def test_locally_it_is_the_operator_who_asks(jinba: Jinba) -> None:
    async def ask(client: AsyncJinba) -> Me:
        return await client.me()

    found = reach.on_server("default", ask)
    assert (found["kind"], found["key"]) == ("operator", None)


def test_the_operators_folders_are_there_before_the_work_and_the_end_comes_after_it(
    jinba: Jinba, add_tool: AddTool
) -> None:
    add_tool()
    done: list[str] = []

    async def work(client: AsyncJinba) -> None:
        done.extend([each["slug"] async for each in client.toolsets.list()])

    async def end(app: App) -> None:
        done.append(f"the end of {len(app.core.health._engines.names)} engines")

    reach.on_server("default", work, finish=end)
    assert done == ["the end of 2 engines"]
    reach.on_server("default", work, loads_folders=True, finish=end)
    assert done[1:] == ["greeting-tools", "the end of 2 engines"]
