"""Hostile TypeScript inside the walls of this machine."""

import functools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from jinba_mcp.domain.env import Env
from jinba_mcp.sandbox.engine import Limits, Program
from jinba_mcp.sandbox.local import deno
from jinba_mcp.sandbox.local.deno import Deno
from tests.sandbox.hostile import typescript_tools
from tests.sandbox.hostile.typescript_tools import ATTEMPTS, BOMBS, Attempt, Bomb
from tests.sandbox.local.conftest import Running
from tests.sandbox.typescript.conftest import tool

pytestmark = pytest.mark.slow


class Permissive(Deno):
    """As if Deno's permissions had a hole as large as themselves."""

    def arguments(self, program: Program, limits: Limits, guest: str) -> tuple[str, ...]:
        given = super().arguments(program, limits, guest)
        return (*given[:2], "--allow-all", *(each for each in given[2:] if not each.startswith("--allow")))


@dataclass(frozen=True)
class World:
    """The host as a tool must never see it."""

    canary: Path
    listener: socket.socket

    def attempt(self, attempts: tuple[Attempt, ...]) -> str:
        code = typescript_tools.trying(attempts)
        return code.replace("{canary}", str(self.canary)).replace("{port}", str(self.listener.getsockname()[1]))


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    canary = folder / "canary"
    canary.write_text("a secret of the host")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield World(canary, listener)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("kind", [Deno, Permissive], ids=["permissions", "walls alone"])
async def test_every_attempt_is_refused(running: Running, tmp_path: Path, kind: type[Deno]) -> None:
    attempts = ATTEMPTS if kind is Deno else tuple(each for each in ATTEMPTS if each.outer)
    async with world(tmp_path) as host, running(typescript=kind(deno.installed().path)) as engine:
        outcome = await engine.run(tool(host.attempt(attempts)), {})

    assert outcome.error is None
    assert outcome.output == []


@pytest.mark.slow
async def test_a_bomb_ends_its_own_run_and_nothing_else(running: Running) -> None:
    ends: dict[str, str] = {}

    async with running(typescript=deno.installed()) as engine:

        async def burst(bomb: Bomb) -> None:
            code = f"export async function run(): Promise<unknown> {{ {bomb.code} }}"
            outcome = await engine.run(tool(code, **bomb.limits), {})
            ends[bomb.name] = "" if outcome.error is None else outcome.error.name

        async with anyio.create_task_group() as bombs:
            for bomb in BOMBS:
                bombs.start_soon(burst, bomb)
        after = await engine.run(tool("export const run = () => ({ fine: true });"), {})

    assert {bomb.name: ends[bomb.name] for bomb in BOMBS if ends[bomb.name] not in bomb.ends} == {}
    assert after.output == {"fine": True}


async def test_nothing_of_one_run_is_left_for_the_next(running: Running) -> None:
    code = """
    const g = globalThis as any;
    export function run() {
      const files = [...Deno.readDirSync(".")].map((entry) => entry.name);
      const found = [g.left ?? null, process.env.LEFT ?? null, process.env.TOKEN ?? null, files];
      g.left = 1; process.env.LEFT = "1"; Deno.writeTextFileSync("left", "1"); Object.prototype.toString = () => "left";
      return found;
    }
    """
    async with running(typescript=deno.installed()) as engine:
        first = await engine.run(tool(code, env=Env({"TOKEN": "s3cret"})), {})
        second = await engine.run(tool(code), {})

    assert first.output == [None, None, "s3cret", ["greeting-tools"]]
    assert second.output == [None, None, None, ["greeting-tools"]]


async def test_many_runs_at_once_each_get_their_own_answer(running: Running) -> None:
    setup = tool("export const run = ({ n }: { n: number }) => n < 0 ? Deno.exit(n) : n;")
    answers: dict[int, object] = {}

    async with running(typescript=deno.installed()) as engine, anyio.create_task_group() as runs:

        async def one(n: int) -> None:
            outcome = await engine.run(setup, {"n": n})
            answers[n] = outcome.output if outcome.error is None else outcome.error.name

        for n in range(-3, 9):
            runs.start_soon(functools.partial(one, n))

    assert answers == {n: "Exited" if n < 0 else n for n in range(-3, 9)}
