"""Versions: immutable snapshots of a ToolSet under a semver number, identified by a digest over their content."""

from datetime import datetime
from typing import Annotated, Self

import semver
from pydantic import Field

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import FieldsInvalid, VersionExists
from jinba_mcp.domain.ids import ToolSetId, VersionId
from jinba_mcp.domain.records import JsonObject, Record, UtcDateTime
from jinba_mcp.domain.toolsets import Content, Origin

FIRST_NUMBER = "1.0.0"
_WHOLE = "(?:0|[1-9][0-9]*)"
_LABELS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_PRE_RELEASE = rf"(?:{_WHOLE}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
NUMBER_PATTERN = rf"^{_WHOLE}\.{_WHOLE}\.{_WHOLE}(?:-{_PRE_RELEASE}(?:\.{_PRE_RELEASE})*)?(?:\+{_LABELS})?$"
"""Of a number that may be published (Semantic Versioning 2.0.0)."""


class Marks(Record):
    """What is to be said of a published version from now on; None leaves it as it is."""

    deprecated: bool | None = None
    deprecation_message: Annotated[str, Field(max_length=1_000)] | None = None
    yanked: bool | None = None
    yank_reason: Annotated[str, Field(max_length=1_000)] | None = None
    release_notes: Annotated[str, Field(max_length=20_000)] | None = None


class Version(Record):
    """A published snapshot without its content, which is kept apart because lists do not need it."""

    id: VersionId
    toolset_id: ToolSetId
    number: str
    digest: str
    origin: Origin
    release_notes: str = ""
    published_by: str
    created_at: UtcDateTime
    deprecated_at: UtcDateTime | None = None
    deprecation_message: str | None = None
    yanked_at: UtcDateTime | None = None
    yank_reason: str | None = None

    def marked(self, marks: Marks, at: datetime) -> Self:
        """The same version with other marks. A message or a reason stays as long as its mark does."""
        is_deprecated = self.deprecated_at is not None if marks.deprecated is None else marks.deprecated
        is_yanked = self.yanked_at is not None if marks.yanked is None else marks.yanked
        message = self.deprecation_message if marks.deprecation_message is None else marks.deprecation_message
        reason = self.yank_reason if marks.yank_reason is None else marks.yank_reason
        return self.model_copy(
            update={
                "deprecated_at": (self.deprecated_at or at) if is_deprecated else None,
                "deprecation_message": message if is_deprecated else None,
                "yanked_at": (self.yanked_at or at) if is_yanked else None,
                "yank_reason": reason if is_yanked else None,
                "release_notes": self.release_notes if marks.release_notes is None else marks.release_notes,
            }
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever runs it should know, a sentence each."""
        marks = (
            ("deprecated", self.deprecated_at, self.deprecation_message),
            ("yanked", self.yanked_at, self.yank_reason),
        )
        return tuple(
            f"Version {self.number} is {what}{': ' + why if why else '.'}" for what, since, why in marks if since
        )


class Snapshot(Record):
    """A version with all that it froze."""

    version: Version
    content: Content


def digest(content: Content) -> str:
    """SHA-256 over the canonical JSON of the content, as `sha256:<hex>`."""
    return json_values.digest(content.model_dump(mode="json"))


def next_number(latest: str | None) -> str:
    """The patch after `latest`, or the first number of all."""
    return FIRST_NUMBER if latest is None else str(semver.Version.parse(latest).bump_patch())


def checked_number(number: str, latest: str | None) -> str:
    """`number`, if it is semver and exceeds `latest`.

    Raises:
        FieldsInvalid: not a semantic version.
        VersionExists: not greater than the latest.
    """
    try:
        wanted = semver.Version.parse(number)
    except (ValueError, TypeError) as error:
        fault: JsonObject = {"pointer": "/version", "detail": "not a semantic version such as 1.4.0"}
        raise FieldsInvalid([fault]) from error
    if latest is not None and wanted <= semver.Version.parse(latest):
        raise VersionExists(number, latest)
    return number
