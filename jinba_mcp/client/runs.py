"""Runs: calling a tool, and the history of calls."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinba_mcp.client.calls import Call, Page, document, json_content, page, path, query_of
from jinba_mcp.client.documents import Run, RunResult, RunStatus, Statistics
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def run(  # noqa: PLR0913  what a call may say
    toolset: str,
    tool: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    version: str | None = None,
    organization: str | None = None,
    idempotency_key: str | None = None,
    timeout_s: float | None = None,
    is_public: bool = False,
) -> Call[RunResult]:
    """Run a tool once: its active version, or the one named.

    A tool that fails or takes too long is an answer with `success` false, not an error. The call carries a key of its
    own, or `idempotency_key`, so that it is repeated safely; the same key, given again within 24 hours, is answered
    with the first run. `is_public` runs another organization's public ToolSet. `timeout_s` is how long to wait for
    the answer, repeats included; a run that takes longer goes on, and `runs.list` finds it.

    Raises:
        Invalid: the arguments do not fit the tool's schema.
        NotFound: no such tool, version or organization for this key.
    """
    body = {"input": dict(arguments or {}), **({} if version is None else {"version": version})}
    sent = json_content(body)
    # A key that nobody else makes up: UUIDs would do as well.
    sent["headers"]["Idempotency-Key"] = secrets.token_urlsafe(24) if idempotency_key is None else idempotency_key
    if is_public and organization is None:
        raise ValueError("a public ToolSet needs its organization")
    if is_public:
        where = path("public", organization or "", toolset, "tools", tool, "run")
        return Call("POST", where, document, is_in_organization=False, timeout_s=timeout_s, **sent)
    where = path("toolsets", toolset, "tools", tool, "run")
    return Call("POST", where, document, organization=organization, timeout_s=timeout_s, **sent)


def _test(
    toolset: str,
    tool: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    organization: str | None = None,
    timeout_s: float | None = None,
) -> Call[RunResult]:
    """Run a tool of the draft once."""
    where = path("toolsets", toolset, "tools", tool, "test")
    sent = json_content({"input": dict(arguments or {})})
    return Call("POST", where, document, organization=organization, timeout_s=timeout_s, **sent)


def _page(  # noqa: PLR0913  the filters
    *,
    status: RunStatus | None = None,
    toolset: str | None = None,
    tool: str | None = None,
    version: str | None = None,
    source: str | None = None,
    key_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    q: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    organization: str | None = None,
) -> Call[Page[Run]]:
    """Runs, newest first; `since` is included, `until` is not; `limit` is per request, 200 at most.

    `cursor` is the `nextCursor` of a page to go on from.
    """
    wanted = query_of(
        status=status,
        toolset=toolset,
        tool=tool,
        version=version,
        source=source,
        keyId=key_id,
        since=since,
        until=until,
        q=q,
        cursor=cursor,
        limit=limit,
    )
    return Call("GET", "/runs", page, organization=organization, query=wanted)


def _get(run_id: str, *, organization: str | None = None) -> Call[Run]:
    """The record of a run."""
    return Call("GET", path("runs", run_id), document, organization=organization)


def _cancel(run_id: str, *, organization: str | None = None) -> Call[Run]:
    """Have a run in flight cancelled."""
    return Call("POST", path("runs", run_id, "cancel"), document, organization=organization)


def _replay(run_id: str, *, organization: str | None = None, timeout_s: float | None = None) -> Call[Run]:
    """Run the same version once more with the same input."""
    where = path("runs", run_id, "replay")
    return Call("POST", where, document, organization=organization, timeout_s=timeout_s)


def _statistics(  # noqa: PLR0913  the filters
    *,
    by: str | None = None,
    toolset: str | None = None,
    tool: str | None = None,
    version: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    organization: str | None = None,
) -> Call[Statistics]:
    """Counts, failures and durations by tool, and by `hour` or `day`."""
    wanted = query_of(by=by, toolset=toolset, tool=tool, version=version, since=since, until=until)
    return Call("GET", "/runs/statistics", document, organization=organization, query=wanted)


class Runs(Noun):
    """The runs of an organization."""

    test = Now(_test)
    list = EachNow(_page)
    page = Now(_page)
    get = Now(_get)
    cancel = Now(_cancel)
    replay = Now(_replay)
    statistics = Now(_statistics)


class AsyncRuns(AsyncNoun):
    """The runs of an organization."""

    test = Later(_test)
    list = EachLater(_page)
    page = Later(_page)
    get = Later(_get)
    cancel = Later(_cancel)
    replay = Later(_replay)
    statistics = Later(_statistics)
