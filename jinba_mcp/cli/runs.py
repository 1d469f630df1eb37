"""`jinba-mcp runs`: what ran."""

import json
from typing import Annotated

import typer
from pydantic import JsonValue

from jinba_mcp.cli import answers, local, output
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org, group, instant
from jinba_mcp.clock import system_clock
from jinba_mcp.core.core import Core
from jinba_mcp.domain import pages
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.pages import MAX_LIMIT, Page, PageRequest
from jinba_mcp.domain.runs import Run, RunFilter
from jinba_mcp.faces.rest.run_schemas import run_out

app = group("Look at what ran.")


@app.command("list")
def list_runs(  # noqa: PLR0913  each filter is an option
    *,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="Only these: pending, running, success, failed, timeout or cancelled.",
        ),
    ] = None,
    toolset: Annotated[str | None, typer.Option("--toolset", metavar="SLUG", help="Only runs of this ToolSet.")] = None,
    tool: Annotated[str | None, typer.Option("--tool", metavar="SLUG", help="Only runs of this tool.")] = None,
    version: Annotated[
        str | None, typer.Option("--version", metavar="VERSION", help="Only runs of this version.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="SOURCE",
            help="Only these: rest, mcp, stdio, test, chat, console or replay.",
        ),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="ID", help="Only calls with this key.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="From this time on, or so long ago, such as 1h.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="Before this time, or so long ago, such as 1h.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MAX_LIMIT, help="At most so many.")] = 50,
    cursor: Annotated[
        str | None,
        typer.Option("--cursor", metavar="CURSOR", help="Go on from here: the nextCursor of the list before."),
    ] = None,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    now = system_clock()
    values: dict[str, object] = {
        "status": status,
        "toolset": toolset,
        "tool": tool,
        "version": version,
        "source": source,
        "key_id": key,
        "since": None if since is None else instant("--since", since, now, is_past=True),
        "until": None if until is None else instant("--until", until, now, is_past=True),
    }
    wanted = local.record(RunFilter, values, {"key_id": "--key"})

    async def look(core: Core, caller: Caller) -> Page[Run]:
        after = None if cursor is None else pages.decode_cursor(cursor)
        return await core.runs.page(caller, org, wanted, PageRequest(limit=limit, after=after))

    page = local.as_operator(org, look)
    following = None if page.next_cursor is None else pages.encode_cursor(page.next_cursor)
    if as_json:
        answers.listing((run_out(run) for run in page.items), following)
        return
    output.table(
        ["ID", "TOOL", "VERSION", "STATUS", "SOURCE", "KEY", "STARTED", "MS"],
        [
            (
                run.id, f"{run.toolset_slug}/{run.tool_slug}", run.version, run.status,
                run.source, run.key_name, run.created_at, run.duration_ms,
            )
            for run in page.items
        ],
    )  # fmt: skip
    if following is not None:
        output.note(f"There are more: --cursor {following}")


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the run, as `runs list` shows it.")],
    *,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Show one run: what went in, what came out, what the tool printed."""

    async def look(core: Core, caller: Caller) -> Run:
        return await core.runs.get(caller, org, run_id)

    run = local.as_operator(org, look)
    if as_json:
        answers.one(run_out(run))
    else:
        _show(run)


def _show(run: Run) -> None:
    duration = None if run.duration_ms is None else f"{run.duration_ms} ms"
    key = None if run.key_id is None else f"{run.key_name} ({run.key_id})"
    output.fields(
        {
            "Run": run.id,
            "Tool": f"{run.toolset_slug}/{run.tool_slug} {run.version}",
            "Status": run.status,
            "Source": run.source,
            "Key": key,
            "Client": run.client,
            "Request": run.request_id,
            "Started": run.started_at,
            "Finished": run.finished_at,
            "Took": duration,
            "Error": None if run.error is None else f"{run.error.name}: {run.error.message}",
        }
    )
    _section("Where in the tool", None if run.error is None else run.error.traceback)
    _section("Input", _pretty(run.input))
    _section("Output", None if run.output is None else _pretty(run.output))
    _section("Content", None if run.content is None else _pretty(list(run.content)))
    _section("Printed", "\n".join(run.logs.stdout))
    _section("Printed as errors", "\n".join(run.logs.stderr))


def _section(title: str, text: str | None) -> None:
    if text:
        output.line(f"\n{title}:\n{output.printable(text)}")


def _pretty(value: JsonValue) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
