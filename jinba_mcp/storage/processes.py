"""Which server processes share the database and which of them are gone, so that their unfinished runs can be closed."""

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.engine import RowMapping
from sqlmodel import Field

from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, table_of

SILENCE_LIMIT = timedelta(seconds=30)
"""How long a process on another host may be silent before it counts as gone; three missed heartbeats."""


class ProcessRow(Row, table=True):
    """A server process. `host` names where its `pid` means something; `pid_started` tells it from a later one."""

    __tablename__ = "process"

    id: str = Field(primary_key=True, sa_type=WORD)
    host: str
    pid: int
    pid_started: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)


_processes = table_of(ProcessRow)


@dataclass(frozen=True)
class ProcessIdentity:
    """Who writes: one identity for each open store."""

    id: str
    host: str
    pid: int
    pid_started: str


def this_process() -> ProcessIdentity:
    """A fresh identity for this process."""
    pid = os.getpid()
    return ProcessIdentity(f"proc_{secrets.token_hex(13)}", _host(), pid, pid_start(pid) or "")


def pid_start(pid: int) -> str | None:
    """When the process of that number began, in clock ticks since boot; None when there is none, or no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name of the program, in parentheses, may hold anything; what follows it is regular. See proc(5).
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in ("Z", "X") else fields[18]


def _host() -> str:
    """The machine, its boot and its space of process numbers: containers may share a name, not the last."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{socket.gethostname()}/{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def _may_exist(pid: int) -> bool:
    if os.name != "posix":
        return True  # Elsewhere signal 0 is not a question.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_gone(row: RowMapping, now: datetime, me: ProcessIdentity) -> bool:
    """Whether the process of `row` has ended: looked up where that is possible, otherwise by its silence."""
    if row["host"] == me.host and row["pid_started"]:
        return pid_start(row["pid"]) != str(row["pid_started"])
    if row["host"] == me.host and not _may_exist(row["pid"]):
        return True
    silent_since: datetime = row["heartbeat_at"]
    return silent_since < now - SILENCE_LIMIT


class ProcessRepository:
    """The processes that share the database, in one transaction."""

    def __init__(self, connection: Connection, me: ProcessIdentity) -> None:
        self._connection = connection
        self.me = me

    async def register(self, now: datetime) -> None:
        """Make this process known to the others, if it is not."""
        # The journal registers too, in transactions of its own.
        insertion = self._connection.insertion(_processes).on_conflict_do_nothing()
        await self._connection.write(insertion, registration(self.me, now))

    async def heartbeat(self, now: datetime) -> None:
        """Say that this process lives; the first time registers it."""
        mine = _processes.c.id == self.me.id
        if not await self._connection.write(update(_processes).where(mine).values(heartbeat_at=now)):
            await self.register(now)

    async def leave(self) -> None:
        """Say that this process has finished all of its runs."""
        await self.forget([self.me.id])

    async def gone(self, among: list[str], now: datetime) -> list[str]:
        """Those of the ids `among` whose processes have ended; never this one."""
        rows = await self._connection.all(select(_processes).where(_processes.c.id.in_(among)))
        living = {row["id"] for row in rows if not is_gone(row, now, self.me)} | {self.me.id}
        return [process_id for process_id in among if process_id not in living]

    async def all_gone(self, now: datetime) -> list[str]:
        """Every registered process that has ended."""
        rows = await self._connection.all(select(_processes))
        return [row["id"] for row in rows if row["id"] != self.me.id and is_gone(row, now, self.me)]

    async def forget(self, process_ids: list[str]) -> None:
        await self._connection.write(delete(_processes).where(_processes.c.id.in_(process_ids)))


def registration(me: ProcessIdentity, now: datetime) -> dict[str, object]:
    """The values of this process's row, by column."""
    return {
        "id": me.id,
        "host": me.host,
        "pid": me.pid,
        "pid_started": me.pid_started,
        "started_at": now,
        "heartbeat_at": now,
    }
