"""Limits: requests in a time, and runs at once, by key, organization, tool and stranger's address.

A request counts for its key first and then for its organization; one that is refused for the second has counted for the
first. All is counted wherever the counters are: in each server process by itself, or in all together.
"""

import ipaddress
import logging
import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

import anyio

from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import ConcurrencyExceeded, LimitsUnavailable, RateExceeded
from jinba_mcp.domain.limits import Quota, Quotas, Standing, Window
from jinba_mcp.domain.runs import Run
from jinba_mcp.storage.counters import Counters

logger = logging.getLogger(__name__)

_IPV6_SITE_BITS = 64
_UNCOUNTED = nullcontext()


@dataclass(frozen=True)
class Counted:
    """What a request was counted under, and how that stands."""

    whose: str
    window: Window
    standing: Standing


class Limits:
    """Says no where too much is asked. Whoever holds the machine is not limited."""

    def __init__(self, counters: Counters, quotas: Quotas, *, fails_open: bool = False) -> None:
        """`fails_open` lets everything in while the counters cannot be reached; otherwise nothing is."""
        self._counters = counters
        self._quotas = quotas
        self._fails_open = fails_open
        self._of_key, self._of_organization = quotas.key.windows, quotas.organization.windows
        self._of_tool, self._of_address = quotas.tool.windows, quotas.address.windows
        self._has_caps = any(each.at_once is not None for each in (quotas.key, quotas.organization, quotas.tool))

    @property
    def quotas(self) -> Quotas:
        return self._quotas

    def of_key(self, caller: Caller) -> Quota:
        """What holds for the key, or the session, that the caller came with."""
        if caller.rate_limit is None:
            return self._quotas.key
        return self._quotas.key.model_copy(update={"per_minute": caller.rate_limit})

    async def request(self, caller: Caller, organization: str | None) -> Counted | None:
        """System's own: count a request; None where nothing limits it.

        `organization` is what the request names, if it does; otherwise the caller's first counts.

        Raises:
            RateExceeded: too many for the key or for the organization.
            LimitsUnavailable: the counters cannot be reached.
        """
        if caller.is_operator:
            return None
        windows = self._windows_of(caller)
        counted = await self._take("key", _identity(caller), windows) if windows else None
        if self._of_organization and caller.grants:
            named = [grant for grant in caller.grants if organization is not None and grant.is_called(organization)]
            organization_id = (named or caller.grants)[0].organization_id
            of_organization = await self._take("organization", organization_id, self._of_organization)
            counted = counted or of_organization
        return counted

    async def stranger(self, address: str | None) -> Counted | None:
        """System's own: count a request without a key, or with a wrong one; None where nothing limits it.

        Keys that are right get in from wherever wrong ones come: 256 random bits are not guessed, and a neighbour
        behind the same address must not be locked out.

        Raises:
            RateExceeded: too many from this address.
            LimitsUnavailable: the counters cannot be reached.
        """
        return await self._take("address", site(address), self._of_address) if self._of_address else None

    async def run(self, run: Run) -> None:
        """System's own: count a run for its tool.

        Raises:
            RateExceeded: too many of this tool.
            LimitsUnavailable: the counters cannot be reached.
        """
        if self._of_tool and not _is_operators(run):
            await self._take("tool", _tool(run), self._of_tool)

    def in_flight(self, run: Run) -> AbstractAsyncContextManager[None]:
        """System's own: count the run among those in flight for as long as the block runs.

        Raises:
            ConcurrencyExceeded: there are as many as may be, for the key, the organization or the tool.
            LimitsUnavailable: the counters cannot be reached.
        """
        return self._in_flight(run) if self._has_caps else _UNCOUNTED

    @asynccontextmanager
    async def _in_flight(self, run: Run) -> AsyncIterator[None]:
        caps = {} if _is_operators(run) else self._caps(run)
        is_in = bool(caps) and await self._enter(run, caps)
        try:
            yield
        finally:
            if is_in:
                # A place that is not left would be held for a while.
                with anyio.CancelScope(shield=True):
                    await self._counters.leave(run.id, list(caps))

    async def renew(self) -> None:
        """System's own, with each heartbeat: keep the places of the runs in flight."""
        try:
            await self._counters.renew()
        except LimitsUnavailable:
            logger.warning("places of runs are not renewed: no counters", extra={"event": "limits.unrenewed"})

    async def close(self) -> None:
        """System's own: let go of the counters."""
        await self._counters.close()

    def _caps(self, run: Run) -> dict[str, int]:
        quotas = self._quotas
        capped = [
            ("key", run.key_id or run.user_id, quotas.key.at_once),
            ("organization", run.organization_id, quotas.organization.at_once),
            ("tool", _tool(run), quotas.tool.at_once),
        ]
        return {
            f"{whose}:{identity}": at_once
            for whose, identity, at_once in capped
            if at_once is not None and identity is not None
        }

    async def _enter(self, run: Run, caps: dict[str, int]) -> bool:
        """Whether the run holds its places; it goes on without where limits fail open."""
        try:
            # Cut short, it might hold places that nobody leaves.
            with anyio.CancelScope(shield=True):
                full = await self._counters.enter(run.id, caps)
        except LimitsUnavailable:
            if not self._fails_open:
                raise
            logger.warning("limits are not checked: no counters", extra={"event": "limits.open"})
            return False
        if full is not None:
            raise ConcurrencyExceeded(full.partition(":")[0], caps[full])
        return True

    def _windows_of(self, caller: Caller) -> tuple[Window, ...]:
        return self._of_key if caller.rate_limit is None else self.of_key(caller).windows

    async def _take(self, whose: str, identity: str, windows: tuple[Window, ...]) -> Counted | None:
        """The window that is nearest to its end after the take."""
        found: list[Counted] = []
        for window in windows:
            try:
                standing = await self._counters.take(f"{whose}:{identity}:{window.seconds}", window)
            except LimitsUnavailable:
                if not self._fails_open:
                    raise
                logger.warning("limits are not checked: no counters", extra={"event": "limits.open"})
                return None
            if not standing.is_taken:
                raise RateExceeded(whose, window.count, window.seconds, max(1, math.ceil(standing.reset_s)))
            found.append(Counted(whose, window, standing))
        return min(found, key=lambda counted: counted.standing.remaining)


def site(address: str | None) -> str:
    """The address, or the network of an IPv6 one: everyone there has 2^64 of them."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, _IPV6_SITE_BITS), strict=False))
    return str(ip)


def _identity(caller: Caller) -> str:
    return caller.key_id or caller.user_id or ""


def _is_operators(run: Run) -> bool:
    return run.key_id is None and run.user_id is None


def _tool(run: Run) -> str:
    # A public tool is one tool, whoever calls it: then its slug begins with its owner's id.
    owner = "" if "/" in run.toolset_slug else f"{run.organization_id}/"
    return f"{owner}{run.toolset_slug}/{run.tool_slug}"
