"""The local registry behind the same client as a server: REST in process, in the name of the operator."""

import math
import sys
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import TypeAlias, TypeVar

import httpx2

from jinba_mcp import at_hand
from jinba_mcp.app import App
from jinba_mcp.cli import addresses, folders, local
from jinba_mcp.client import AsyncJinba, Retries
from jinba_mcp.domain.caller import operator
from jinba_mcp.faces.worker import beat

T = TypeVar("T")
Finish: TypeAlias = Callable[[App], Awaitable[object]]

_HERE = "http://localhost"
"""Stands where a URL has to, when no network is used."""


async def in_process(  # noqa: PLR0913  as `reach.on_server`
    app: App,
    org: str | None,
    work: Callable[[AsyncJinba], Awaitable[T]],
    *,
    loads_folders: bool,
    finish: Finish | None,
    runs_tools: bool,
) -> T:
    """Run `work` with a client of the open registry, as `reach.on_server` says."""
    if loads_folders:
        await folders.load_if_none(app)
    caller = operator() if org is None else await app.core.organizations.operator(org)
    transport = httpx2.ASGITransport(at_hand.rest(app, caller, base_url=addresses.base_url(app.settings)))
    client = AsyncJinba(
        _HERE,
        api_key="",
        organization=org or "",
        timeout_s=math.inf,
        retries=Retries(count=0),
        max_response_bytes=sys.maxsize,
        transport=transport,
        user_agent=local.CLIENT,
    )
    # Without a beat, a server on the same database would take runs of this process for lost.
    async with beat.beating(app.core) if runs_tools else nullcontext(), client as jinba:
        done = await work(jinba)
    if finish is not None:
        await finish(app)
    return done
