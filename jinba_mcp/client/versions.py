"""Versions: published, looked at, compared and marked."""

from typing import Any

from jinba_mcp.client.calls import Call, Page, document, given, guarded, json_content, page, path, query_of
from jinba_mcp.client.documents import Diff, Version, VersionDetail
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def _page(toolset: str, *, limit: int | None = None, organization: str | None = None) -> Call[Page[Version]]:
    """Every version, newest first; `limit` is per request, 200 at most."""
    where = path("toolsets", toolset, "versions")
    return Call("GET", where, page, organization=organization, query=query_of(limit=limit))


def _get(toolset: str, version: str, *, organization: str | None = None) -> Call[VersionDetail]:
    """A version with all that it froze."""
    return Call("GET", path("toolsets", toolset, "versions", version), document, organization=organization)


def _publish(  # noqa: PLR0913  the fields of a publication
    toolset: str,
    *,
    version: str | None = None,
    release_notes: str = "",
    activate: bool | None = None,
    if_match: str | None = None,
    organization: str | None = None,
) -> Call[Version]:
    """Freeze the draft; without `version` as the next patch, without `activate` active only if it is the first."""
    fields = given(version=version, releaseNotes=release_notes, activate=activate)
    sent = guarded(json_content(fields), if_match)
    return Call("POST", path("toolsets", toolset, "versions"), document, organization=organization, **sent)


def _mark(toolset: str, version: str, *, organization: str | None = None, **marks: Any) -> Call[Version]:
    """Set `deprecated`, `deprecationMessage`, `yanked`, `yankReason` or `releaseNotes`."""
    where = path("toolsets", toolset, "versions", version)
    return Call("PATCH", where, document, organization=organization, **json_content(marks))


def _diff(toolset: str, version: str, other: str, *, organization: str | None = None) -> Call[Diff]:
    """What changed from one version to another; either may be `draft`."""
    where = path("toolsets", toolset, "versions", version, "diff", other)
    return Call("GET", where, document, organization=organization)


class Versions(Noun):
    """The versions of ToolSets."""

    list = EachNow(_page)
    get = Now(_get)
    publish = Now(_publish)
    mark = Now(_mark)
    diff = Now(_diff)


class AsyncVersions(AsyncNoun):
    """The versions of ToolSets."""

    list = EachLater(_page)
    get = Later(_get)
    publish = Later(_publish)
    mark = Later(_mark)
    diff = Later(_diff)
