"""The rounds: they are made while the block runs, and one that fails is not the last."""

import logging

import anyio
import anyio.lowlevel
import pytest

from jinba_mcp.core import filing
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import RunFilter
from jinba_mcp.faces.worker import rounds
from jinba_mcp.outbound.mail import Letter
from tests.worlds import World


async def test_runs_are_filed_and_old_ones_removed_and_a_failure_is_survived(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await world.publish()
    run = await world.call(world.operator, name="Al")
    file, sweeps, was_filed, was_swept = world.core.filing.file, 0, anyio.Event(), anyio.Event()

    async def filed() -> bool:
        has_more = await file()
        was_filed.set()
        return has_more

    async def swept() -> int:
        nonlocal sweeps
        sweeps += 1
        if sweeps == 1:
            raise RuntimeError("the database is away")
        was_swept.set()
        return 3

    monkeypatch.setattr(rounds, "FILE_EVERY_S", 0)
    monkeypatch.setattr(rounds, "SWEEP_EVERY_S", 0)
    monkeypatch.setattr(type(world.core.filing), "file", lambda _: filed())
    monkeypatch.setattr(type(world.core.retention), "sweep", lambda _: swept())
    with caplog.at_level(logging.INFO, logger="jinba_mcp.faces.worker.rounds"), anyio.fail_after(60):
        async with rounds.going(world.core):
            await was_filed.wait()
            await was_swept.wait()
            await anyio.lowlevel.checkpoint()
    assert [record.message for record in caplog.records][:2] == ["retention failed", "runs removed"]
    monkeypatch.undo()
    async with world.store.read() as tx:
        assert await tx.runs.unfiled(10) == []
        page = await tx.runs.page(run.organization_id, RunFilter(q="greet"), PageRequest())
    assert list(page.items) == [run]


async def test_filing_has_a_tenth_of_the_time_while_there_is_more_and_all_the_more_the_later_that_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    enough = anyio.Event()
    answers = [(True, 0.0), (True, 1.0), (True, 1 / 9), (True, 0.0), (False, 1.0)]
    now = 100.0

    async def file() -> bool:
        nonlocal now
        now += 0.5
        has_more, world.core.filing.lateness = answers.pop(0)
        return has_more

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if not answers:
            enough.set()
            await anyio.sleep_forever()

    monkeypatch.setattr(type(world.core.filing), "file", lambda _: file())
    monkeypatch.setattr(type(world.core.retention), "sweep", lambda _: anyio.sleep_forever())
    monkeypatch.setattr("jinba_mcp.faces.worker.rounds.anyio.sleep", sleep)
    monkeypatch.setattr("jinba_mcp.faces.worker.rounds.anyio.current_time", lambda: now)
    with anyio.fail_after(60):
        async with rounds.going(world.core):
            await enough.wait()
    assert [round(pause, 6) for pause in pauses if pause not in (rounds.FILE_EVERY_S, rounds.MAIL_EVERY_S)] == [
        4.5,
        0,
        2,
        4.5,
    ]


async def test_what_is_late_is_caught_up_with_while_calls_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "AT_ONCE", 4)
    await world.publish()
    for _ in range(9):
        await world.call(world.operator, name="Al")
    world.clock.advance(seconds=filing.LATE.total_seconds() + 1)
    work, pauses, left = rounds._filed(world.core), [], []
    for _ in range(4):
        for _ in range(2):
            await world.call(world.operator, name="Al")
        pauses.append(await work())
        async with world.store.read() as tx:
            left.append(len(await tx.runs.unfiled(100)))
    assert pauses[:3] == [0, 0, 0]
    assert left == [7, 5, 3, 1]


async def test_a_new_password_that_is_asked_for_while_it_runs_is_mailed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.user("ada@example.com")
    was_sent, send = anyio.Event(), world.mail.send

    async def sent(letter: Letter) -> None:
        await send(letter)
        was_sent.set()

    monkeypatch.setattr(world.mail, "send", sent)
    monkeypatch.setattr(rounds, "FILE_EVERY_S", 0)
    async with rounds.going(world.core):
        await world.core.passwords.want_reset("ada@example.com", None)
        with anyio.fail_after(60):
            await was_sent.wait()
    assert [letter.to for letter in world.mail.sent] == ["ada@example.com"]
