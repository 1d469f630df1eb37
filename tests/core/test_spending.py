"""Credits across server processes: none overspend, and what a killed one had taken comes back."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from jinba_mcp.core.credits import CreditChange
from jinba_mcp.domain.credits import CreditKind, CreditTransaction
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import Run, RunFilter
from tests.worlds import World

SLEEP = """
import time
def run() -> dict:
    time.sleep({seconds})
    return {{}}
"""
_WITHIN_S = 150

pytestmark = pytest.mark.slow


async def prepare(world: World, balance: int, *, price: int, seconds: float) -> None:
    await world.publish(greet=SLEEP.format(seconds=seconds))
    await world.core.drafts.change(world.operator, "default", "greeting-tools", {"prices": {"greet": price}})
    wanted = CreditChange(kind=CreditKind.SET, amount=balance)
    await world.core.credits.change(world.operator, "default", wanted)


async def spend(url: str, keyring: Path, *, kill_after: int | None = None) -> int:
    """How many runs a process of its own told of, before it ended or was killed."""
    command = [sys.executable, "-m", "tests.core.spending", url, str(keyring)]
    count = 0
    async with await anyio.open_process(command, cwd=Path(__file__).parents[2], stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        async for chunk in process.stdout:
            assert b"Traceback" not in chunk, chunk
            count += chunk.count(b"\n")
            if kill_after is not None and count >= kill_after and process.returncode is None:
                process.kill()
        await process.wait()
    return count


async def runs_and_ledger(world: World) -> tuple[list[Run], list[CreditTransaction]]:
    runs: list[Run] = []
    lines: list[CreditTransaction] = []
    request = PageRequest(limit=200)
    while True:
        page = await world.core.history.page(world.operator, "default", RunFilter(), request)
        runs += page.items
        if page.next_cursor is None:
            break
        request = PageRequest(limit=200, after=page.next_cursor)
    request = PageRequest(limit=200)
    while True:
        ledger = await world.core.credits.page(world.operator, "default", request)
        lines += ledger.items
        if ledger.next_cursor is None:
            return runs, lines
        request = PageRequest(limit=200, after=ledger.next_cursor)


async def test_fifty_spenders_in_two_processes_get_exactly_what_the_balance_pays_for(
    world: World, database_url: str, tmp_path: Path
) -> None:
    await prepare(world, 100, price=1, seconds=0.001)
    counts: list[int] = []

    async def one() -> None:
        counts.append(await spend(database_url, tmp_path / "secret.key"))

    with anyio.fail_after(_WITHIN_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            tasks.start_soon(one)
    runs, lines = await runs_and_ledger(world)
    assert (sum(counts), len(runs), sum(run.succeeded for run in runs)) == (100, 100, 100)
    assert await world.core.credits.balance(world.operator, "default") == 0
    assert sum(line.amount for line in lines) == 0


async def test_after_kill_9_the_balance_adds_up_and_only_what_ran_was_paid_for(
    world: World, database_url: str, tmp_path: Path
) -> None:
    await prepare(world, 10_000, price=7, seconds=0.05)
    with anyio.fail_after(_WITHIN_S):
        await spend(database_url, tmp_path / "secret.key", kill_after=30)
    await world.core.health.beat()
    runs, lines = await runs_and_ledger(world)
    interrupted = {run.id for run in runs if run.error is not None and run.error.name == "Interrupted"}
    assert interrupted
    refunded = {line.run_id for line in lines if line.kind is CreditKind.REFUND}
    charged = {line.run_id for line in lines if line.kind is CreditKind.CHARGE}
    assert refunded == interrupted
    assert charged == {run.id for run in runs}
    balance = await world.core.credits.balance(world.operator, "default")
    assert balance == sum(line.amount for line in lines) == 10_000 - 7 * sum(run.succeeded for run in runs)
