"""The heartbeat: it beats at once, and a beat that fails is not the last."""

import logging

import anyio
import pytest

from jinba_mcp.faces.worker import beat
from tests.worlds import World


async def test_it_beats_while_the_block_runs_and_survives_a_failure(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    beats = 0
    enough = anyio.Event()

    async def counted() -> None:
        nonlocal beats
        beats += 1
        if beats == 1:
            raise RuntimeError("the database is away")
        enough.set()

    monkeypatch.setattr(beat, "BEAT_EVERY_S", 0)
    monkeypatch.setattr(type(world.core.health), "beat", lambda _: counted())
    with caplog.at_level(logging.ERROR), anyio.fail_after(60):
        async with beat.beating(world.core):
            await enough.wait()
    assert [record.message for record in caplog.records] == ["heartbeat failed"]


async def test_it_keeps_the_places_of_runs_even_while_the_database_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = anyio.Event()

    async def renew() -> None:
        renewed.set()

    async def away() -> None:
        raise RuntimeError("the database is away")

    monkeypatch.setattr(type(world.core.limits), "renew", lambda _: renew())
    monkeypatch.setattr(type(world.core.health), "beat", lambda _: away())
    with anyio.fail_after(5):
        async with beat.beating(world.core):
            await renewed.wait()


async def test_it_records_the_ends_that_the_database_could_not_take(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled = anyio.Event()

    async def settle() -> None:
        settled.set()

    monkeypatch.setattr(type(world.core.runs), "settle", lambda _: settle())
    with anyio.fail_after(5):
        async with beat.beating(world.core):
            await settled.wait()
