"""Which processes count as gone."""

import dataclasses
import os
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, select

from jinba_mcp.storage import processes
from jinba_mcp.storage.processes import (
    SILENCE_LIMIT,
    ProcessIdentity,
    ProcessRow,
    pid_start,
    registration,
    this_process,
)
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.tables import table_of
from tests.storage.records import NOW, a_run, moment

PROCESSES = table_of(ProcessRow)


async def registered(store: Store, identity: ProcessIdentity, heartbeat_at: datetime) -> str:
    async with store._database.writing() as connection:
        await connection.execute(insert(PROCESSES), registration(identity, heartbeat_at))
        await connection.commit()
    return identity.id


async def rows(store: Store) -> list[Any]:
    async with store._database.reading() as connection:
        return list((await connection.execute(select(PROCESSES))).mappings())


def identity(**changes: Any) -> ProcessIdentity:
    return dataclasses.replace(this_process(), **changes)


async def test_the_first_heartbeat_registers_and_the_next_ones_move_it(store: Store) -> None:
    await store.heartbeat(NOW)
    await store.heartbeat(moment(10))

    (row,) = await rows(store)
    assert (row["id"], row["pid"]) == (store._me.id, os.getpid())
    assert (row["started_at"], row["heartbeat_at"]) == (NOW, moment(10))


async def test_the_first_run_registers_its_process_in_the_same_commit(store: Store) -> None:
    await store.journal.start(a_run(at=moment(3)))

    (row,) = await rows(store)
    assert (row["id"], row["started_at"]) == (store._me.id, moment(3))


async def test_a_store_that_is_closed_leaves_no_process_behind(
    store: Store, open_store: Any, database_url: str
) -> None:
    other = await Store.open(database_url)
    await other.journal.start(a_run())
    await other.close()

    assert await rows(store) == []
    async with store.begin() as tx:
        assert await tx.runs.interrupt_unfinished(moment(1)) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="start times are read from /proc")
async def test_on_the_same_host_a_process_is_looked_up_whatever_its_heartbeat_says(store: Store) -> None:
    living = await registered(store, identity(), moment(-10_000))
    reused = await registered(store, identity(pid_started="1"), NOW)
    child = subprocess.Popen([sys.executable, "-c", "pass"])  # noqa: ASYNC220  ends at once
    child.wait()
    ended = await registered(store, identity(pid=child.pid, pid_started="12345"), NOW)

    async with store.read() as tx:
        assert await tx.processes.gone([living, reused, ended, "proc_unknown"], NOW) == [
            reused,
            ended,
            "proc_unknown",
        ]
        assert sorted(await tx.processes.all_gone(NOW)) == sorted([reused, ended])


async def test_elsewhere_a_process_is_gone_when_it_was_silent_for_too_long(store: Store) -> None:
    heard = await registered(store, identity(host="elsewhere"), NOW - SILENCE_LIMIT)
    silent = await registered(store, identity(host="elsewhere"), NOW - SILENCE_LIMIT * 1.01)
    unknown = await registered(store, identity(pid_started=""), NOW - SILENCE_LIMIT * 2)
    ended = await registered(store, identity(pid=2**30, pid_started=""), NOW)

    async with store.read() as tx:
        assert await tx.processes.gone([heard, silent, unknown, ended], NOW) == [silent, unknown, ended]


async def test_closing_runs_forgets_processes_that_are_gone(store: Store) -> None:
    await registered(store, identity(host="elsewhere"), moment(-100))
    kept = await registered(store, identity(host="elsewhere"), NOW)

    async with store.begin() as tx:
        await tx.runs.interrupt_unfinished(NOW)
    assert [row["id"] for row in await rows(store)] == [kept]


async def test_a_process_never_counts_itself_as_gone(store: Store) -> None:
    async with store.read() as tx:
        assert await tx.processes.gone([store._me.id], NOW) == []


def test_a_process_that_does_not_exist_has_no_start() -> None:
    assert pid_start(2**30) is None


@pytest.mark.parametrize(("error", "may_exist"), [(None, True), (ProcessLookupError, False), (PermissionError, True)])
def test_a_process_that_may_not_be_asked_may_still_exist(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError] | None, *, may_exist: bool
) -> None:
    def ask(_pid: int, _number: int) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(os, "kill", ask)

    assert processes._may_exist(7) is may_exist


def test_where_signals_are_no_question_every_process_may_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "os", SimpleNamespace(name="nt"))

    assert processes._may_exist(7) is True


def test_without_proc_the_name_of_the_machine_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_path: Path, **_options: str) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)

    assert processes._host() == socket.gethostname()
    assert pid_start(os.getpid()) is None
