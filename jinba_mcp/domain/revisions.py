"""Revisions: a tag for each state of what can be edited, so that an edit can name the state that it was made for."""

from collections.abc import Set as AbstractSet
from typing import TypeAlias

from pydantic import JsonValue

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import PreconditionFailed
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Draft, ToolSet

Tags: TypeAlias = AbstractSet[str] | None
"""The states that an edit was made for; None stands for any."""

_TAG_LENGTH = 32


def toolset_tag(toolset: ToolSet, draft: Draft) -> str:
    """The tag of a ToolSet with its draft: another one after any change of either."""
    state: list[JsonValue] = [
        toolset.model_dump(mode="json"),
        draft.source_digest,
        draft.updated_at.isoformat(),
        draft.origin.value,
    ]
    return _tag(json_values.digest(state))


def tool_tag(draft: Draft, tool: Tool) -> str:
    """The tag of one tool of a draft, which edits of other tools do not move."""
    derived = list[JsonValue]((draft.derived or {}).get(tool.slug, ()))
    return _tag(json_values.digest([tool.model_dump(mode="json"), derived]))


def check(wanted: Tags, tag: str) -> None:
    """Compare the present state with the wanted ones (RFC 9110, 13.1.1).

    Raises:
        PreconditionFailed: it is none of them.
    """
    if wanted is not None and tag not in wanted:
        raise PreconditionFailed


def _tag(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_TAG_LENGTH]
