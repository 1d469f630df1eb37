"""Endings: of a run that has ended, what it is found and counted by."""

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from jinba_mcp.domain.ids import OrganizationId, RunId, UserId
from jinba_mcp.domain.isolation import Isolation
from jinba_mcp.domain.runs import RunError, RunStatus
from jinba_mcp.domain.words import words_of

_CALLERS_REMEMBERED = 1_000
_FAILED = (RunStatus.FAILED, RunStatus.TIMEOUT)


class Ending(NamedTuple):
    """A part of a `Run`. It is no record: there are as many as calls, and what they hold has been checked before."""

    id: RunId
    organization_id: OrganizationId
    toolset_slug: str
    tool_slug: str
    version: str
    key_name: str | None
    key_prefix: str | None
    user_id: UserId | None
    client: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    status: RunStatus
    error: RunError | None
    isolation: Isolation | None

    @property
    def words(self) -> tuple[str, ...]:
        """Of the tool, the caller and the error."""
        texts = (self.toolset_slug, self.tool_slug, self.key_name, self.key_prefix, self.user_id, self.client)
        if self.error is None:
            return _words_of_caller(texts)
        return words_of((*texts, self.error.name, self.error.message))

    @property
    def has_failed(self) -> bool:
        """A cancelled run is not one that failed."""
        return self.status in _FAILED

    @property
    def tool_ms(self) -> int | None:
        """How long the tool took; None if it never ran."""
        if self.isolation is None or self.started_at is None or self.finished_at is None:
            return None
        return max(0, round((self.finished_at - self.started_at).total_seconds() * 1000))


@lru_cache(_CALLERS_REMEMBERED)
def _words_of_caller(texts: tuple[str | None, ...]) -> tuple[str, ...]:
    # Who calls a tool calls it again.
    return words_of(texts)
