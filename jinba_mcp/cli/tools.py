"""`jinba-mcp tools`: what can be run, and running it."""

from typing import Annotated

import typer

from jinba_mcp.cli import answers, calling, local, output, reach
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org, group
from jinba_mcp.client import AsyncJinba, Forbidden, NotFound
from jinba_mcp.client.documents import RunResult, Tool
from jinba_mcp.domain.records import JsonObject

app = group("List and run tools.", reaches=True)

_FIELDS = tuple(Tool.__annotations__)


@app.command("list")
def list_tools(
    *,
    toolset: Annotated[str | None, typer.Option("--toolset", metavar="SLUG", help="Only those of this one.")] = None,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """List the tools of the active versions."""

    async def gather(jinba: AsyncJinba) -> list[tuple[str, Tool]]:
        slugs = [each["slug"] async for each in jinba.toolsets.list(limit=200)] if toolset is None else [toolset]
        return [(slug, tool) for slug in slugs for tool in await _active(jinba, slug)]

    found = reach.on_server(org, gather, loads_folders=True)
    if as_json:
        # Versions have the code as well, which is not asked for here.
        tools = [
            {"toolSetSlug": slug, **{name: tool.get(name) for name in Tool.__annotations__}} for slug, tool in found
        ]
        answers.listed(tools)
        return
    rows = [(f"{slug}/{tool['slug']}", tool["name"], output.shortened(tool["description"])) for slug, tool in found]
    output.table(["TOOL", "NAME", "DESCRIPTION"], rows)


async def _active(jinba: AsyncJinba, slug: str) -> list[Tool]:
    """The tools of the active version; of the draft while nothing is active."""
    toolset = await jinba.toolsets.get(slug)
    if toolset["publishedVersion"] is None:
        return toolset["tools"]
    return [*(await jinba.versions.get(slug, toolset["publishedVersion"]))["tools"]]


@app.command()
def run(  # noqa: PLR0913  the ways of giving input
    address: Annotated[str, typer.Argument(metavar="TOOLSET/TOOL", help="The tool.")],
    pairs: calling.Pairs = None,
    *,
    text: calling.Text = None,
    file: calling.File = None,
    version: Annotated[
        str | None, typer.Option("--version", metavar="VERSION", help="The version to run; else the active one.")
    ] = None,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Run a tool and print its output; what it prints itself goes to standard error."""
    slug, _, tool = address.partition("/")
    if not slug or not tool:
        raise output.Misused(f"'{address}' names no tool; write TOOLSET/TOOL, such as greeting-tools/greet.")
    named = local.record(calling.Named, {"organization": org, "toolset": slug, "tool": tool, "version": version})
    given = calling.Given(pairs, text, file)
    if reach.server() is None:
        from jinba_mcp.cli import running  # noqa: PLC0415  as in `local.with_app`

        # Not by REST, which has no way to tell of the progress of a run.
        calling.answer(local.with_app(lambda app: running.run(app, named, given)), as_json=as_json)
        return

    async def call(jinba: AsyncJinba) -> RunResult:
        schema = {} if given.is_whole else await _schema_there(jinba, named)
        return await jinba.run(slug, tool, given.by(schema), version=version)

    calling.answer(reach.on_server(org, call, timeout_s=calling.TIMEOUT_S), as_json=as_json)


async def _schema_there(jinba: AsyncJinba, named: calling.Named) -> JsonObject:
    try:
        number = named.version or (await jinba.toolsets.get(named.toolset))["publishedVersion"]
        tools = (await jinba.versions.get(named.toolset, number))["tools"] if number else []
    except (Forbidden, NotFound):
        # A key may be allowed to run what it may not read; what is not there is for the call itself to say.
        return {}
    return calling.schema_in([*tools], named.tool)
