"""Running a tool on the local registry, in the name of the operator."""

import contextvars
from typing import cast

from jinba_mcp.app import App
from jinba_mcp.cli import calling, folders, local, output
from jinba_mcp.client.documents import RunResult
from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.domain.errors import ToolNotFound
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import Run, RunSource
from jinba_mcp.faces.rest.run_schemas import run_result_out
from jinba_mcp.faces.worker import beat

_CALL = CallContext(source=RunSource.CONSOLE, client=local.CLIENT)
"""Of the sources there are, a call typed at a terminal comes from the operator's console; its client tells it apart."""


async def run(app: App, named: calling.Named, given: calling.Given) -> RunResult:
    """Run a tool of the open registry, and tell of its progress."""
    ref = ToolRef.model_validate(dict(named))
    await folders.load_if_none(app)
    caller = await app.core.organizations.operator(ref.organization)
    schema = {} if given.is_whole else await _schema(app, ref)
    async with beat.beating(app.core):
        made: Run = await app.core.runs.call(caller, ref, given.by(schema), _CALL, _reporter())
    return cast("RunResult", run_result_out(made).model_dump(mode="json", by_alias=True))


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
