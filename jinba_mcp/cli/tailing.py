"""Following runs as they end: each is given once, and none is left out.

A run is listed by when it began, but shown when it has ended, which may be in another order; and its record is there a
moment after it began, so that a later one may be listed before it. Hence what began lately is looked at again each
time, and what is in flight is kept in mind.
"""

from datetime import datetime, timedelta
from typing import Any

from jinba_mcp.client import NotFound
from jinba_mcp.client.documents import Run, RunStatus
from jinba_mcp.client.runs import AsyncRuns

OVERLAP = timedelta(seconds=30)
"""How much later than another, which began after it, a run may come to be listed."""
MAX_FIRST = 200

_IN_FLIGHT: tuple[RunStatus, ...] = ("pending", "running")


class Tail:
    """The runs that pass a filter, by `AsyncRuns.list`; its status cannot be among it, as it is another at the end."""

    def __init__(self, runs: AsyncRuns, wanted: dict[str, Any]) -> None:
        self._runs = runs
        self._wanted = wanted
        self._since: datetime | None = None
        self._listed: dict[str, str] = {}
        """Of those that began since then: when, by id."""
        self._flying: set[str] = set()

    async def first(self, now: datetime) -> list[Run]:
        """The last runs that have ended, at most `MAX_FIRST`, in the order in which they began."""
        self._flying = await self._in_flight()
        page = await self._runs.page(limit=MAX_FIRST, **self._wanted)
        if not page["data"] and page["nextCursor"] is not None:
            # A narrowed key, which sees none of the latest: there is no telling when these were.
            self._since = now - OVERLAP
        ended = self._take(page["data"])
        return sorted(ended, key=_beginning)

    async def following(self) -> list[Run]:
        """Those that have ended since the last time, in the order in which they ended."""
        ended = await self._landed()
        fresh = [
            run
            async for run in self._runs.list(since=self._since, limit=200, **self._wanted)
            if run["id"] not in self._listed and run["id"] not in {landed["id"] for landed in ended}
        ]
        return sorted([*ended, *self._take(fresh)], key=lambda run: (run["finishedAt"] or "", run["id"]))

    def _take(self, runs: list[Run]) -> list[Run]:
        """Keep in mind what is new; those of it that have ended."""
        self._listed |= {run["id"]: run["createdAt"] for run in runs}
        flying = {run["id"] for run in runs if run["status"] in _IN_FLIGHT}
        ended = [run for run in runs if run["id"] not in flying]
        self._flying = (self._flying | flying) - {run["id"] for run in ended}
        if runs:
            self._look_back_from(datetime.fromisoformat(max(run["createdAt"] for run in runs)))
        return ended

    def _look_back_from(self, newest: datetime) -> None:
        since = newest - OVERLAP
        if self._since is None or since > self._since:
            self._since = since
        self._listed = {run_id: at for run_id, at in self._listed.items() if datetime.fromisoformat(at) >= self._since}

    async def _in_flight(self) -> set[str]:
        found = set()
        for status in _IN_FLIGHT:
            found |= {run["id"] async for run in self._runs.list(status=status, limit=200, **self._wanted)}
        return found

    async def _landed(self) -> list[Run]:
        """Those kept in mind that have ended."""
        if not self._flying:
            return []
        landed = []
        # One may have gone from pending to running between the two lists, so that its record decides.
        for run_id in sorted(self._flying - await self._in_flight()):
            try:
                run = await self._runs.get(run_id)
            except NotFound:
                # Deleted, as its time was up.
                self._flying.discard(run_id)
                continue
            if run["status"] not in _IN_FLIGHT:
                self._flying.discard(run_id)
                landed.append(run)
        return landed


def _beginning(run: Run) -> tuple[str, str]:
    return run["createdAt"], run["id"]
