"""`jinba-mcp runs`: what ran, what is running, and running it again."""

import json
from typing import Annotated, Any, NoReturn

import anyio
import typer
from pydantic import JsonValue

from jinba_mcp.cli import answers, calling, local, output, reach
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org, group, instant
from jinba_mcp.cli.tailing import MAX_FIRST, Tail
from jinba_mcp.client import AsyncJinba
from jinba_mcp.client.calls import Page
from jinba_mcp.client.documents import Run, Statistics
from jinba_mcp.clock import system_clock
from jinba_mcp.domain.pages import MAX_LIMIT
from jinba_mcp.domain.runs import RunFilter
from jinba_mcp.domain.tallies import By, StatisticsFilter

app = group("Look at what ran, follow it, cancel it, run it again.", reaches=True)

RunId = Annotated[str, typer.Argument(metavar="ID", help="The id of the run, as `runs list` shows it.")]
OfToolSet = Annotated[str | None, typer.Option("--toolset", metavar="SLUG", help="Only runs of this ToolSet.")]
OfTool = Annotated[str | None, typer.Option("--tool", metavar="SLUG", help="Only runs of this tool.")]
OfVersion = Annotated[str | None, typer.Option("--version", metavar="VERSION", help="Only runs of this version.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="WHEN", help="From this time on, or so long ago, such as 1h.")
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="WHEN", help="Before this time, or so long ago, such as 1h.")
]
Status = Annotated[
    str | None,
    typer.Option(
        "--status", metavar="STATUS", help="Only these: pending, running, success, failed, timeout or cancelled."
    ),
]
Source = Annotated[
    str | None,
    typer.Option("--source", metavar="SOURCE", help="Only these: rest, mcp, stdio, test, chat, console or replay."),
]
OfKey = Annotated[str | None, typer.Option("--key", metavar="ID", help="Only calls with this key.")]


@app.command("list")
def list_runs(  # noqa: PLR0913  each filter is an option
    *,
    status: Status = None,
    toolset: OfToolSet = None,
    tool: OfTool = None,
    version: OfVersion = None,
    source: Source = None,
    key: OfKey = None,
    since: Since = None,
    until: Until = None,
    query: Annotated[
        str | None,
        typer.Option("--query", "-q", metavar="WORDS", help="Only with these words in tool, caller or error."),
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
    given: dict[str, object] = {"status": status, "toolset": toolset, "tool": tool, "version": version}
    given |= {"source": source, "key_id": key, "q": query, **_times(since, until)}
    wanted = local.record(RunFilter, given, {"key_id": "--key", "q": "--query"}).model_dump(exclude_none=True)

    async def look(jinba: AsyncJinba) -> Page[Run]:
        return await jinba.runs.page(limit=limit, cursor=cursor, **wanted)

    page = reach.on_server(org, look)
    if as_json:
        answers.listed(page["data"], page["nextCursor"])
        return
    output.table(
        ["ID", "TOOL", "VERSION", "STATUS", "SOURCE", "KEY", "STARTED", "MS"],
        [
            (
                run["id"], f"{run['toolSetSlug']}/{run['toolSlug']}", run["version"], run["status"],
                run["source"], run["keyName"], answers.instant(run["createdAt"]), run["durationMs"],
            )
            for run in page["data"]
        ],
    )  # fmt: skip
    if page["nextCursor"] is not None:
        output.note(f"There are more: --cursor {page['nextCursor']}")


def _times(since: str | None, until: str | None) -> dict[str, object]:
    now = system_clock()
    return {
        "since": None if since is None else instant("--since", since, now, is_past=True),
        "until": None if until is None else instant("--until", until, now, is_past=True),
    }


@app.command()
def tail(  # noqa: PLR0913  each filter is an option
    *,
    status: Status = None,
    toolset: OfToolSet = None,
    tool: OfTool = None,
    version: OfVersion = None,
    source: Source = None,
    key: OfKey = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", metavar="N", min=0, max=MAX_FIRST, help="Begin with the last so many.")
    ] = 10,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", min=0.1, max=3600, help="How often to look.")
    ] = 1.0,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: Annotated[bool, typer.Option("--json", help="Print each run as a line of JSON.")] = False,
) -> None:
    """Show runs as they end, each once, until you press Ctrl-C."""
    given: dict[str, object] = {"status": status, "toolset": toolset, "tool": tool, "version": version}
    given |= {"source": source, "key_id": key}
    wanted = local.record(RunFilter, given, {"key_id": "--key"}).model_dump(exclude_none=True, exclude={"status"})

    def tell(runs: list[Run]) -> None:
        for run in runs:
            output.line(json.dumps(run) if as_json else _ended(run))

    async def follow(jinba: AsyncJinba) -> NoReturn:
        tail = Tail(jinba.runs, wanted)
        found = [run for run in await tail.first(system_clock()) if status in (None, run["status"])]
        tell(found[len(found) - lines :] if lines < len(found) else found)
        while True:
            await anyio.sleep(every)
            tell([run for run in await tail.following() if status in (None, run["status"])])

    reach.on_server(org, follow)


def _ended(run: Run) -> str:
    at = output.cell(answers.instant(run["createdAt"]))
    took = "-" if run["durationMs"] is None else f"{run['durationMs']} ms"
    error = "" if run["error"] is None else f"  {run['error']['name']}: {output.shortened(run['error']['message'])}"
    tool = f"{run['toolSetSlug']}/{run['toolSlug']} {run['version']}"
    return output.printable(f"{at}  {run['status']:<9}  {tool}  {run['source']}  {took}  {run['id']}{error}")


@app.command()
def show(run_id: RunId, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Show one run: what went in, what came out, what the tool printed."""

    async def look(jinba: AsyncJinba) -> Run:
        return await jinba.runs.get(run_id)

    run = reach.on_server(org, look)
    if as_json:
        output.document(run)
    else:
        _show(run)


@app.command()
def cancel(run_id: RunId, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Have a run in flight end as cancelled."""

    async def end(jinba: AsyncJinba) -> Run:
        return await jinba.runs.cancel(run_id)

    run = reach.on_server(org, end)
    if as_json:
        output.document(run)
    else:
        output.line(f"{run['id']} is {run['status']}.")


@app.command()
def replay(run_id: RunId, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Run the same version once more with the same input, and print its output."""

    async def again(jinba: AsyncJinba) -> Run:
        return await jinba.runs.replay(run_id)

    calling.answer(reach.on_server(org, again, timeout_s=calling.TIMEOUT_S, runs_tools=True), as_json=as_json)


@app.command()
def stats(  # noqa: PLR0913  each filter is an option
    *,
    by: Annotated[
        str | None, typer.Option("--by", metavar="UNIT", help="With a point for each hour or day, in --json.")
    ] = None,
    toolset: OfToolSet = None,
    tool: OfTool = None,
    version: OfVersion = None,
    since: Since = None,
    until: Until = None,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Count runs and failures by tool, and say how long they take; the last day unless you say otherwise."""
    given: dict[str, object] = {"toolset": toolset, "tool": tool, "version": version, **_times(since, until)}
    wanted = local.record(StatisticsFilter, {**given, **({} if by is None else {"by": by})})
    asked: dict[str, Any] = wanted.model_dump(exclude_none=True, mode="python")

    async def count(jinba: AsyncJinba) -> Statistics:
        return await jinba.runs.statistics(**{**asked, "by": By(wanted.by).value})

    found = reach.on_server(org, count)
    if as_json:
        output.document(found)
        return
    output.table(
        ["TOOL", "RUNS", "FAILED", "RATE", "P50 MS", "P95 MS", "P99 MS"],
        [
            (
                f"{each['toolSetSlug']}/{each['toolSlug']}", each["count"], each["failedCount"],
                f"{each['failureRate']:.1%}", each["p50Ms"], each["p95Ms"], each["p99Ms"],
            )
            for each in found["tools"]
        ],
    )  # fmt: skip
    if not found["isComplete"]:
        output.note("These are the busiest; there are more.")


def _show(run: Run) -> None:
    error = run["error"]
    output.fields(
        {
            "Run": run["id"],
            "Tool": f"{run['toolSetSlug']}/{run['toolSlug']} {run['version']}",
            "Status": run["status"],
            "Source": run["source"],
            "Key": None if run["keyId"] is None else f"{run['keyName']} ({run['keyId']})",
            "Client": run["client"],
            "Request": run["requestId"],
            "Replays": run["replayOf"],
            "Started": answers.instant(run["startedAt"]),
            "Finished": answers.instant(run["finishedAt"]),
            "Took": None if run["durationMs"] is None else f"{run['durationMs']} ms",
            "Error": None if error is None else f"{error['name']}: {error['message']}",
        }
    )
    content = run.get("content")
    _section("Where in the tool", None if error is None else error["traceback"])
    _section("Input", _pretty(run["input"]))
    _section("Output", None if run["output"] is None else _pretty(run["output"]))
    _section("Content", None if content is None else _pretty([*content]))
    _section("Printed", "\n".join(run["logs"]["stdout"]))
    _section("Printed as errors", "\n".join(run["logs"]["stderr"]))


def _section(title: str, text: str | None) -> None:
    if text:
        output.line(f"\n{title}:\n{output.printable(text)}")


def _pretty(value: JsonValue) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
