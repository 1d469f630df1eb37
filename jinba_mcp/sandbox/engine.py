"""The seam between the core and whatever runs tool code."""

from enum import StrEnum
from typing import Annotated, Protocol

from pydantic import Field, JsonValue

from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.runs import RunError, RunLogs
from jinba_mcp.domain.tools import Language


class Program(Record):
    """One tool's code. `digest` identifies the whole version, so an engine may keep what it prepared for ever."""

    digest: str
    toolset: str
    tool: str
    language: Language
    entrypoint: str
    code: str


class Limits(Record):
    """What one run may use; going over one is an outcome that names it."""

    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    output_bytes: int = 4 * 1024 * 1024
    log_bytes: int = 256 * 1024
    """Of standard output and standard error each; what is over is cut and marked."""


class OutcomeStatus(StrEnum):
    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"


class Outcome(Record):
    """How a run ended. On success `output` is plain JSON, and `content` the MCP blocks if the tool built some."""

    status: OutcomeStatus
    output: JsonValue = None
    content: tuple[JsonObject, ...] | None = None
    error: RunError | None = None
    logs: RunLogs = RunLogs()


class Signature(Record):
    """What code says of itself: schemas in JSON Schema 2020-12, and its docstring."""

    input_schema: JsonObject
    output_schema: JsonObject | None
    description: str


class Engine(Protocol):
    """Runs programs. Implementations are safe for many concurrent calls on one event loop."""

    name: str

    async def describe(self, program: Program) -> Signature:
        """Load the code and read its schemas.

        Raises:
            ToolCodeInvalid: it does not load, has no such entrypoint, or its types have no schema.
        """
        ...

    async def run(
        self, program: Program, arguments: JsonObject, limits: Limits, report: Reporter | None = None
    ) -> Outcome:
        """Run once. A fault of the tool is an outcome, never an exception; cancellation passes through.

        Raises:
            LimitExceeded: no room for another run now.
        """
        ...

    async def close(self) -> None:
        """End everything that is still running, within a few seconds."""
        ...
