"""Runs: the record of one call of one tool, and the only moves it may make.

pending → running → success | failed | timeout | cancelled. A run whose arguments were refused goes from nothing
straight to failed; whatever a crash leaves running is closed as failed with the error `Interrupted`.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import JsonValue

from jinba_mcp.domain.ids import KeyId, OrganizationId, RunId, UserId, VersionId
from jinba_mcp.domain.isolation import Isolation
from jinba_mcp.domain.records import JsonObject, Record, UtcDateTime


class RunStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self is not RunStatus.PENDING and self is not RunStatus.RUNNING


class RunSource(StrEnum):
    """Which door the call came through."""

    REST = "rest"
    MCP = "mcp"
    STDIO = "stdio"
    TEST = "test"
    CHAT = "chat"
    CONSOLE = "console"
    REPLAY = "replay"


class RunError(Record):
    """Why a run failed: the exception's class name, its message, and where in the tool's own code."""

    name: str
    message: str
    traceback: str | None = None


class RunLogs(Record):
    """What the tool printed, line by line."""

    stdout: tuple[str, ...] = ()
    stderr: tuple[str, ...] = ()


_MILLISECOND = timedelta(milliseconds=1)
NO_LOGS = RunLogs()
INTERRUPTED = RunError(name="Interrupted", message="The server stopped before the run had finished.")
CANCELLED = RunError(name="Cancelled", message="The caller went away before the run had finished.")
SHUT_DOWN = RunError(name="Cancelled", message="The server shut down before the run had finished.")
CALLED_OFF = RunError(name="Cancelled", message="The run was cancelled on request before it had finished.")


class RunPart(StrEnum):
    """What of a run may be kept shorter, or with less in it, than the caller got it."""

    INPUT = "input"
    OUTPUT = "output"
    CONTENT = "content"
    ERROR = "error"
    LOGS = "logs"


class Run(Record):
    """One call. `output` and `content` are set on success only; `content` are MCP blocks when the tool built them."""

    id: RunId
    organization_id: OrganizationId
    toolset_slug: str
    tool_slug: str
    version_id: VersionId
    version: str
    version_digest: str
    source: RunSource
    status: RunStatus
    input: JsonObject
    output: JsonValue = None
    content: tuple[JsonObject, ...] | None = None
    error: RunError | None = None
    logs: RunLogs = NO_LOGS
    isolation: Isolation | None = None
    """What walled the tool in; None when it never ran."""
    key_id: KeyId | None = None
    key_name: str | None = None
    key_prefix: str | None = None
    user_id: UserId | None = None
    client: str | None = None
    request_id: str | None = None
    replay_of: RunId | None = None
    """The run that this one repeats, with the same version and input."""
    truncated: tuple[RunPart, ...] = ()
    """What the record has only the beginning of."""
    redacted: tuple[RunPart, ...] = ()
    """Where the record has `***` in the place of secrets."""
    created_at: UtcDateTime
    started_at: UtcDateTime | None = None
    finished_at: UtcDateTime | None = None

    @property
    def succeeded(self) -> bool:
        return self.status is RunStatus.SUCCESS

    @property
    def duration_ms(self) -> int | None:
        """Wall time of the tool in whole milliseconds, None until it has both begun and ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0, round((self.finished_at - self.started_at) / _MILLISECOND))

    def finished(  # noqa: PLR0913  a run ends with all of these at once
        self,
        status: RunStatus,
        *,
        at: datetime,
        output: JsonValue = None,
        content: tuple[JsonObject, ...] | None = None,
        error: RunError | None = None,
        logs: RunLogs = NO_LOGS,
        isolation: Isolation | None = None,
    ) -> Self:
        """The same run, ended.

        Raises:
            ValueError: it has ended before, or `status` is not an end.
        """
        if self.status.is_final or not status.is_final:
            raise ValueError(f"a run cannot go from {self.status} to {status}")
        return self.replaced(
            {
                "status": status,
                "finished_at": at,
                "output": output,
                "content": content,
                "error": error,
                "logs": logs,
                "isolation": isolation,
            }
        )


class RunFilter(Record):
    """Which runs a list shows; None does not filter. `since` is included, `until` is not."""

    status: RunStatus | None = None
    toolset: str | None = None
    tool: str | None = None
    version: str | None = None
    source: RunSource | None = None
    key_id: str | None = None
    since: UtcDateTime | None = None
    until: UtcDateTime | None = None
    q: str | None = None
    """Words that must all be in the tool, the caller or the error; see `words_in_query`."""
