"""Runs a shipped tool as the server does: folder, engine, and both schemas held against what goes in and comes out."""

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import anyio

from jinba_mcp.authoring.folder import Folder, FolderTool, read_folder
from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.sandbox.engine import Limits, OutcomeStatus, Program, Signature
from jinba_mcp.sandbox.inprocess import InProcessEngine

TOOLSETS = Path(__file__).parents[2] / "toolsets"
SLUGS = ("data-tools", "greeting-tools", "text-tools", "time-tools")

RunTool: TypeAlias = Callable[..., Awaitable[Any]]
"""`await run_tool(toolset, tool, **arguments)` answers the output or raises `ToolFailed`."""


class ToolFailed(Exception):
    """The tool raised; the message is what a caller would read."""


class ArgumentsRefused(Exception):
    """The arguments do not fit the published input schema, so the tool was not called."""


@functools.cache
def folder(slug: str) -> Folder:
    return read_folder(TOOLSETS / slug)


def shipped() -> list[tuple[str, FolderTool]]:
    return [(slug, tool) for slug in SLUGS for tool in folder(slug).tools]


def program(slug: str, tool: FolderTool) -> Program:
    return Program(
        digest=f"sha256:{slug}",
        toolset=slug,
        tool=tool.slug,
        language="python",
        entrypoint=tool.entrypoint,
        code=tool.code,
    )


async def describe(slug: str, tool: FolderTool) -> Signature:
    engine = InProcessEngine(max_threads=1)
    try:
        with anyio.fail_after(5):
            return await engine.describe(program(slug, tool))
    finally:
        await engine.close()


async def run_tool(toolset: str, tool: str, **arguments: Any) -> Any:
    wanted = next(found for found in folder(toolset).tools if found.slug == tool)
    return await run_program(program(toolset, wanted), arguments, folder(toolset).sandbox.timeout_s or 1.0)


async def run_program(code: Program, arguments: JsonObject, timeout_s: float) -> Any:
    # An engine for each call, inside the test: it replaces the standard streams, and so does pytest.
    engine = InProcessEngine(max_threads=1)
    try:
        with anyio.fail_after(timeout_s + 1):
            signature = await engine.describe(code)
            if faults := Validator(signature.input_schema).faults(arguments):
                raise ArgumentsRefused(str(faults))
            outcome = await engine.run(code, arguments, Limits(timeout_s=timeout_s))
    finally:
        await engine.close()
    assert outcome.status is not OutcomeStatus.TIMEOUT, "the tool did not keep to its own limits"
    if outcome.error is not None:
        raise ToolFailed(outcome.error.message)
    assert signature.output_schema is not None
    assert Validator(signature.output_schema).faults(outcome.output) == []
    return outcome.output
