"""Runs a shipped tool as the server does: folder, engine, and both schemas held against what goes in and comes out."""

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import anyio

from jinba_mcp.authoring.folder import Folder, FolderTool, read_folder
from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.sandbox.engine import Bundle, Limits, OutcomeStatus, Program, Setup, Signature
from jinba_mcp.sandbox.inprocess import InProcessEngine

TOOLSETS = Path(__file__).parents[2] / "toolsets"
SLUGS = ("data-tools", "greeting-tools", "text-tools", "time-tools")
"""Those that need nothing but what the server itself is installed with; the others are in `packaged`."""

_WITHIN_S = 60.0
"""More than any ToolSet gives itself, so that a slow machine is not taken for a tool without limits."""

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
    bundle = Bundle(digest=f"sha256:{slug}", toolset=slug, language="python")
    return Program(bundle=bundle, tool=tool.slug, entrypoint=tool.entrypoint, code=tool.code)


async def describe(slug: str, tool: FolderTool) -> Signature:
    engine = InProcessEngine(max_threads=1)
    try:
        with anyio.fail_after(60):
            return await engine.describe(program(slug, tool), Limits())
    finally:
        await engine.close()


async def run_tool(toolset: str, tool: str, **arguments: Any) -> Any:
    wanted = next(found for found in folder(toolset).tools if found.slug == tool)
    return await run_program(program(toolset, wanted), arguments)


async def run_program(code: Program, arguments: JsonObject) -> Any:
    # An engine for each call, inside the test: it replaces the standard streams, and so does pytest.
    engine = InProcessEngine(max_threads=1)
    try:
        with anyio.fail_after(2 * _WITHIN_S):
            signature = await engine.describe(code, Limits())
            if faults := Validator(signature.input_schema).faults(arguments):
                raise ArgumentsRefused(str(faults))
            outcome = await engine.run(Setup(code, Limits(timeout_s=_WITHIN_S)), arguments)
    finally:
        await engine.close()
    assert outcome.status is not OutcomeStatus.TIMEOUT, "the tool did not keep to its own limits"
    if outcome.error is not None:
        raise ToolFailed(outcome.error.message)
    assert signature.output_schema is not None
    assert Validator(signature.output_schema).faults(outcome.output) == []
    return outcome.output
