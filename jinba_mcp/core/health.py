"""Health: whether this process can do its work, and what it works with."""

from jinba_mcp.clock import Clock
from jinba_mcp.core.engines import Engines
from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.domain.isolation import Isolation
from jinba_mcp.domain.records import Record
from jinba_mcp.storage.store import Store


class SandboxReport(Record):
    """One engine: what it walls runs in with, and why it can run nothing, if so."""

    name: str
    isolation: Isolation
    problem: str | None


class Readiness(Record):
    """What `/readyz` and `doctor` report."""

    is_ready: bool
    schema_revision: str | None
    engines: tuple[str, ...]
    sandboxes: tuple[SandboxReport, ...] = ()
    problem: str | None = None


class Health:
    """Asked by anyone, so it says nothing that is secret."""

    def __init__(self, store: Store, engines: Engines, clock: Clock) -> None:
        self._store = store
        self._engines = engines
        self._clock = clock

    async def readiness(self) -> Readiness:
        """System's own: one look at the database and the engines; never raises."""
        engines, sandboxes = tuple(self._engines.names), await self.sandboxes()
        try:
            revision = await self._store.schema_revision()
        except JinbaError as error:
            return Readiness(
                is_ready=False, schema_revision=None, engines=engines, sandboxes=sandboxes, problem=error.message
            )
        problem = None
        if revision != self._store.head_revision():
            problem = f"The database schema is at revision {revision}. Run 'jinba-mcp db upgrade'."
        return Readiness(
            is_ready=problem is None, schema_revision=revision, engines=engines, sandboxes=sandboxes, problem=problem
        )

    async def sandboxes(self) -> tuple[SandboxReport, ...]:
        """System's own: what each engine is worth on this machine; the first look tries it out."""
        found = await self._engines.capabilities()
        return tuple(
            SandboxReport(name=name, isolation=each.isolation, problem=each.problem) for name, each in found.items()
        )

    async def beat(self) -> None:
        """System's own: tell other processes on this database that this one lives, and close the runs of the dead."""
        now = self._clock()
        await self._store.heartbeat(now)
        async with self._store.begin() as tx:
            await tx.runs.interrupt_unfinished(now)
