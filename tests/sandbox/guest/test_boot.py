"""Starting a zygote: what is imported beforehand, and what is told when it cannot start."""

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.egress.notifications import Listener
from jinba_mcp.sandbox.engine import OutcomeStatus
from jinba_mcp.sandbox.guest import boot, kernel, landlock
from jinba_mcp.sandbox.local import zygotes
from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.local.zygotes import Nursery
from tests.sandbox.guest.conftest import MakeBlueprint
from tests.sandbox.guest.hosting import let_go
from tests.sandbox.local.conftest import MakeSetup, Running


async def is_idle(engine: LocalEngine) -> None:
    """Until what goes on in the background is done."""
    while engine._homes._tasks:
        await next(iter(engine._homes._tasks))


@pytest.mark.slow
async def test_what_a_tool_imports_is_there_for_its_later_workers(running: Running, setup: MakeSetup) -> None:
    code = """
        import sys
        before = set(sys.modules)
        import decimal, statistics
        import not_there_before
        def run() -> list:
            return sorted(set(sys.modules) - before)
    """
    broken = setup(code)
    works = setup(code.replace("        import not_there_before\n", ""), bundle={"digest": "sha256:2"})

    async with running() as engine:
        assert (await engine.run(broken, {})).status is OutcomeStatus.FAILED
        first = await engine.run(works, {})
        await is_idle(engine)
        engine._pool.discard(lambda _job: True)
        second = await engine.run(works, {})

    assert isinstance(first.output, list)
    assert "statistics" in first.output
    assert second.output == []


async def test_a_package_that_starts_threads_is_not_shared(running: Running, setup: MakeSetup) -> None:
    # In the standard library nothing does at import; a module that sleeps for ever in a thread stands for one.
    code = """
        import sys
        def run() -> bool:
            return "concurrent.futures.thread" in sys.modules
    """

    async with running() as engine:
        home = await engine._homes.ready(setup(code).program.bundle)
        engine._homes.learn(home, "greet", ["antigravity", "no.such.module", "concurrent.futures.thread"])
        engine._homes.improve(home)
        await is_idle(engine)
        outcome = await engine.run(setup(code), {})

    assert outcome.output is True


@pytest.mark.parametrize("tier", [Tier.NAMESPACES, Tier.LANDLOCK, Tier.NONE])
async def test_a_zygote_stands_until_its_host_lets_go(blueprint: MakeBlueprint, tier: Tier) -> None:
    deaths: list[Nursery] = []

    zygote = await zygotes.start(blueprint(tier, ("statistics", "no.such.module", "pydantic")), deaths.append)

    assert (zygote.thread_count, zygote.listener) == (1, None)
    await let_go(zygote)
    assert deaths == [zygote]


async def test_a_network_namespace_has_one_door_and_the_host_stands_at_it(blueprint: MakeBlueprint) -> None:
    zygote = await zygotes.start(blueprint(network="on"), lambda _zygote: None)

    assert isinstance(zygote.listener, socket.socket)
    assert zygote.listener.getsockname() == ("127.0.0.1", boot.PROXY_PORT)
    await let_go(zygote)


async def test_without_a_namespace_the_host_answers_for_the_network(blueprint: MakeBlueprint) -> None:
    zygote = await zygotes.start(blueprint(Tier.LANDLOCK, network="on"), lambda _zygote: None)

    assert isinstance(zygote.listener, Listener)
    await let_go(zygote)


async def test_what_is_in_the_way_of_a_zygote_is_told(blueprint: MakeBlueprint) -> None:
    with pytest.raises(SandboxUnavailable, match="mount on /nowhere"):
        await zygotes.start(replace(blueprint(), root=Path("/nowhere")), lambda _zygote: None)


@pytest.mark.parametrize("user", [0, 1234])
@pytest.mark.parametrize("executable", [[], ["/usr/bin/deno"]])
def test_packages_are_imported_behind_a_wall_of_their_own(
    monkeypatch: pytest.MonkeyPatch, user: int, executable: list[str]
) -> None:
    """Programs read their own maps in /proc, and nobody else anything there; root keeps what making workers takes."""
    asked: list[tuple[list[str], list[str], list[str]]] = []
    kept: list[tuple[int, ...]] = []
    monkeypatch.setattr(landlock, "restrict", lambda *paths: asked.append(paths))
    monkeypatch.setattr(kernel, "keep_capabilities", lambda numbers: kept.append(tuple(numbers)))
    monkeypatch.setattr(os, "geteuid", lambda: user)

    boot._restrict({"readable": ["/usr"], "writable": ["/runs"], "executable": executable})

    readable = ["/usr", "/proc"] if executable else ["/usr"]
    assert asked == [(readable, ["/runs", "/dev/null"], executable)]
    assert kept == [(kernel.CAP_KILL, kernel.CAP_SETGID, kernel.CAP_SETUID) if user == 0 else ()]
