"""`jinba-mcp tools`: what can be run, and running it."""

import contextvars
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from jinba_mcp import __version__
from jinba_mcp.app import App
from jinba_mcp.cli import answers, arguments, folders, local, output
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org, group
from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.domain.errors import ToolNotFound
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import Run, RunSource
from jinba_mcp.domain.tools import Tool
from jinba_mcp.faces.rest.run_schemas import run_result_out
from jinba_mcp.faces.rest.schemas import tool_out
from jinba_mcp.faces.worker import beat

app = group("List and run tools.")

_CALL = CallContext(source=RunSource.CONSOLE, client=f"jinba-mcp {__version__}")
"""Of the sources there are, a call typed at a terminal comes from the operator's console; its client tells it apart."""


@app.command("list")
def list_tools(
    *,
    toolset: Annotated[str | None, typer.Option("--toolset", metavar="SLUG", help="Only those of this one.")] = None,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """List the tools of the active versions."""

    async def gather(app: App) -> list[tuple[str, Tool]]:
        await folders.load_if_none(app)
        caller = await app.core.organizations.operator(org)
        if toolset is None:
            found = await local.all_of(lambda request: app.core.toolsets.page(caller, org, request))
            slugs = [each.slug for each in found]
        else:
            slugs = [toolset]
        contents = [(slug, await app.core.toolsets.content(caller, org, slug)) for slug in slugs]
        return [(slug, tool) for slug, content in contents for tool in content.tools]

    found = local.with_app(gather)
    if as_json:
        tools = [{"toolSetSlug": slug, **tool_out(tool).model_dump(mode="json", by_alias=True)} for slug, tool in found]
        output.document({"data": tools, "nextCursor": None})
        return
    rows = [(f"{slug}/{tool.slug}", tool.name, output.shortened(tool.description)) for slug, tool in found]
    output.table(["TOOL", "NAME", "DESCRIPTION"], rows)


@app.command()
def run(  # noqa: PLR0913  the ways of giving input
    address: Annotated[str, typer.Argument(metavar="TOOLSET/TOOL", help="The tool.")],
    pairs: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="The arguments, one by one.")] = None,
    *,
    text: Annotated[
        str | None,
        typer.Option("--input", "-i", metavar="JSON", help="All arguments as a JSON object; - reads standard input."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--input-file", metavar="FILE", help="A file with all arguments as a JSON object."),
    ] = None,
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
    ref = local.record(ToolRef, {"organization": org, "toolset": slug, "tool": tool, "version": version})
    limit = local.read_settings().max_body_bytes
    whole = arguments.read(text, file, limit)
    if whole is not None and pairs:
        raise output.Misused("Give the arguments once: as KEY=VALUE, or as one JSON object.")

    async def call(app: App) -> Run:
        await folders.load_if_none(app)
        given = whole if whole is not None else arguments.from_pairs(pairs or [], await _schema(app, ref))
        caller = await app.core.organizations.operator(org)
        async with beat.beating(app.core):
            return await app.core.runs.call(caller, ref, given, _CALL, _reporter())

    made = local.with_app(call)
    if as_json:
        answers.one(run_result_out(made))
    else:
        _show(made)
    if not made.succeeded:
        raise typer.Exit(1)


async def _schema(app: App, ref: ToolRef) -> JsonObject:
    caller = await app.core.organizations.operator(ref.organization)
    located = await app.core.toolsets.locate(caller, ref)
    tool = located.release.content.find_tool(ref.tool)
    if tool is None:
        raise ToolNotFound(ref.tool, f"See 'jinba-mcp tools list --toolset {located.toolset.slug}'.")
    return tool.input_schema


def _reporter() -> Reporter:
    # What is printed in the tool's context, in which this is called, belongs to the tool.
    ours = contextvars.copy_context()

    def report(done: float, total: float | None, message: str | None) -> None:
        of = "" if total is None else f" of {total:g}"
        ours.run(output.note, f"Progress: {done:g}{of}{f', {output.printable(message)}' if message else ''}")

    return report


def _show(made: Run) -> None:
    for printed in (*made.logs.stdout, *made.logs.stderr):
        output.note(output.printable(printed))
    if made.error is not None:
        output.problem(f"{made.error.name}: {made.error.message}")
        output.note(f"See 'jinba-mcp runs show {made.id}'.")
    elif made.content is not None:
        for block in made.content:
            output.line(_block(block))
    else:
        output.line(_shown(made.output))


def _block(block: JsonObject) -> str:
    if block.get("type") == "text":
        return _shown(block["text"])
    return json.dumps(block, indent=2, ensure_ascii=False)


def _shown(value: JsonValue) -> str:
    if not isinstance(value, str):
        return json.dumps(value, indent=2, ensure_ascii=False)
    # A file gets the text as it is; a terminal is not steered by it.
    return output.printable(value) if sys.stdout.isatty() else value
