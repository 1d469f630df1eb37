"""What is kept for each version: one zygote, replaced when it dies or a better one stands."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jinba_mcp.domain.errors import EnvironmentFailed, SandboxUnavailable, ShuttingDown
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.sandbox.engine import Bundle
from jinba_mcp.sandbox.local.homes import Homes
from jinba_mcp.sandbox.local.zygotes import Blueprint, Nursery, Told

BUNDLE = Bundle(digest="sha256:1", toolset="greeting-tools", language="python")


class Fake:
    """A nursery that lives and dies as the test says."""

    def __init__(self, modules: Sequence[str], on_death: Callable[[Nursery], None]) -> None:
        self.modules = tuple(modules)
        self.is_alive, self.is_retired = True, False
        self.listener: Any = None
        self.thread_count = 1
        self.on_death = on_death

    def order(self, message: bytes, descriptors: Sequence[int], told: Told) -> int:
        raise AssertionError

    def let_go(self, number: int) -> None: ...

    def retire(self) -> None:
        self.is_retired = True
        self.died()

    def kill(self) -> None:
        self.died()

    def died(self) -> None:
        if self.is_alive:
            self.is_alive = False
            self.on_death(self)


class Scene:
    """Homes over fakes, which keeps account."""

    def __init__(self, max_count: int = 9) -> None:
        self.started: list[Fake] = []
        self.released: list[str] = []
        self.gone: list[str] = []
        self.doors: list[str] = []
        self.thread_count = 1
        self.failure: Exception | None = None
        self.is_deadly = False
        self.may_share = True
        self.gate = asyncio.Event()
        self.gate.set()
        plan: Any = lambda _bundle, _environment, modules: SimpleNamespace(  # noqa: E731  a blueprint of sorts
            preimport=modules if self.may_share else ()
        )
        self.homes = Homes(self.start, plan, self, self, max_count=max_count, on_gone=self.gone.append)

    async def start(self, blueprint: Blueprint, on_death: Callable[[Nursery], None]) -> Nursery:
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if self.is_deadly and blueprint.preimport:
            raise SandboxUnavailable("killed")
        fake = Fake(blueprint.preimport, on_death)
        fake.thread_count, fake.listener = self.thread_count, object()
        self.started.append(fake)
        return fake

    async def environment_for(self, bundle: Bundle, report: Reporter | None = None) -> Path | None:
        if bundle.toolset == "broken":
            raise EnvironmentFailed("no")
        return Path("/env")

    def release(self, digest: str) -> None:
        self.released.append(digest)

    def serve(self, network: Any, listener: Any = None) -> "Scene":
        self.doors.append("opened")
        return self

    async def aclose(self) -> None:
        self.doors.append("closed")

    async def settled(self) -> None:
        for _ in range(5):
            # Blueprints are made in a thread.
            await asyncio.to_thread(int)


async def test_all_who_wait_share_one_start() -> None:
    scene = Scene()
    scene.gate.clear()
    waiting = [asyncio.ensure_future(scene.homes.ready(BUNDLE)) for _ in range(3)]
    await scene.settled()
    waiting[0].cancel()
    scene.gate.set()

    first, second = await asyncio.gather(*waiting[1:])

    assert first is second is scene.homes.known(BUNDLE)
    assert (len(scene.started), first.environment) == (1, Path("/env"))


async def test_a_dead_zygote_is_replaced_and_its_door_closed() -> None:
    scene = Scene()
    await scene.homes.ready(BUNDLE)
    scene.started[0].died()
    await scene.settled()

    assert scene.homes.known(BUNDLE) is None
    assert scene.doors == ["opened", "closed"]
    assert (scene.released, scene.gone) == ([BUNDLE.digest], [])
    await scene.homes.ready(BUNDLE)
    assert len(scene.started) == 2
    scene.homes.discard(BUNDLE.digest)
    assert scene.gone


async def test_packages_stay_while_the_zygote_that_died_is_being_replaced() -> None:
    scene = Scene()
    await scene.homes.ready(BUNDLE)
    scene.gate.clear()
    # An order finds it dead before its death is heard of.
    scene.started[0].is_retired = True
    replacing = asyncio.ensure_future(scene.homes.ready(BUNDLE))
    await scene.settled()

    scene.started[0].died()
    scene.gate.set()
    home = await replacing

    assert (home.is_ready, scene.released) == (True, [])


async def test_packages_of_a_version_that_cannot_be_started_are_let_go() -> None:
    scene = Scene()
    scene.failure = SandboxUnavailable("no namespaces")

    with pytest.raises(SandboxUnavailable):
        await scene.homes.ready(BUNDLE)

    assert scene.released == [BUNDLE.digest]


async def test_a_failed_start_is_told_and_tried_again() -> None:
    scene = Scene()
    scene.failure = SandboxUnavailable("no namespaces")
    with pytest.raises(SandboxUnavailable, match="no namespaces"):
        await scene.homes.ready(BUNDLE)
    with pytest.raises(EnvironmentFailed):
        await scene.homes.ready(BUNDLE.model_copy(update={"toolset": "broken", "digest": "sha256:2"}))
    scene.failure = None

    assert (await scene.homes.ready(BUNDLE)).is_ready


async def test_packages_that_end_a_first_zygote_are_left_to_the_workers() -> None:
    scene = Scene()
    scene.is_deadly = True

    home = await scene.homes.ready(BUNDLE, modules=frozenset({"deadly"}))

    assert home.is_ready
    assert [fake.modules for fake in scene.started] == [()]


async def test_what_tools_import_is_imported_in_a_zygote_that_takes_over() -> None:
    scene = Scene()
    home = await scene.homes.ready(BUNDLE)

    scene.homes.learn(home, "greet", ["numpy", "numpy.random", "evil; import os", 7, "x" * 200])
    await scene.settled()
    assert len(scene.started) == 1
    scene.homes.improve(home)
    await scene.settled()

    former, better = scene.started
    assert (former.is_retired, home.zygote) == (True, better)
    assert better.modules == ("numpy", "numpy.random")
    scene.homes.learn(home, "other", ["numpy"])
    scene.homes.improve(home)
    await scene.settled()
    assert len(scene.started) == 2


@pytest.mark.parametrize("reason", ["threads", "failure"])
async def test_packages_that_cannot_be_shared_are_left_to_the_workers(
    reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    scene = Scene()
    home = await scene.homes.ready(BUNDLE)
    if reason == "threads":
        scene.thread_count = 2
    else:
        scene.failure = SandboxUnavailable("it hangs")

    for tool, module in (("greet", "threads"), ("other", "more")):
        scene.homes.learn(home, tool, [module])
        scene.homes.improve(home)
        await scene.settled()

    assert (home.zygote, home.is_plain) == (scene.started[0], True)
    assert len(scene.started) <= 2
    assert not any(fake.is_alive for fake in scene.started[1:])
    (said,) = caplog.records
    assert reason == "threads" or said.__dict__["reason"] == "it hangs"


async def test_where_nothing_may_be_shared_no_second_zygote_is_started_and_nothing_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    scene = Scene()
    scene.may_share = False
    home = await scene.homes.ready(BUNDLE)

    scene.homes.learn(home, "greet", ["numpy"])
    scene.homes.improve(home)
    await scene.settled()

    assert (len(scene.started), caplog.records) == (1, [])


async def test_a_zygote_that_dies_while_a_better_one_is_made_leaves_it_to_the_next() -> None:
    scene = Scene()
    home = await scene.homes.ready(BUNDLE)
    scene.homes.learn(home, "greet", ["numpy"])
    scene.gate.clear()
    scene.homes.improve(home)
    await scene.settled()

    scene.started[0].died()
    scene.gate.set()
    await scene.settled()
    await scene.homes.ready(BUNDLE)

    assert not home.is_plain
    assert [fake.is_alive for fake in scene.started] == [False, False, True]
    assert scene.started[2].modules == ("numpy",)


async def test_nonsense_is_not_learnt() -> None:
    scene = Scene()
    home = await scene.homes.ready(BUNDLE)

    for nonsense in (None, "numpy", {"a": 1}, ["x"] * 10_000):
        scene.homes.learn(home, "greet", nonsense)
    await scene.settled()

    assert len(scene.started) == 1


async def test_what_is_learnt_has_an_end_however_often_a_tool_says_something_new() -> None:
    scene = Scene()
    home = await scene.homes.ready(BUNDLE)

    for run in range(4):
        scene.homes.learn(home, "greet", [f"run{run}.module{number}" for number in range(2_000)])

    assert len(home.modules) == 4_000


async def test_the_version_used_longest_ago_makes_room() -> None:
    scene = Scene(max_count=2)
    bundles = [BUNDLE.model_copy(update={"digest": f"sha256:{number}"}) for number in range(3)]
    for bundle in (bundles[0], bundles[1], bundles[0], bundles[2]):
        await scene.homes.ready(bundle)

    assert [scene.homes.known(bundle) is None for bundle in bundles] == [False, True, False]
    assert scene.released == ["sha256:1"]


async def test_what_is_discarded_while_it_starts_is_not_kept() -> None:
    scene = Scene()
    scene.gate.clear()
    waiting = asyncio.ensure_future(scene.homes.ready(BUNDLE))
    await scene.settled()

    scene.homes.discard(BUNDLE.digest)
    scene.gate.set()
    home = await waiting

    assert not home.is_ready
    assert not scene.started[0].is_alive
    assert scene.homes.known(BUNDLE) is None


async def test_closing_ends_zygotes_doors_and_starts() -> None:
    scene = Scene()
    await scene.homes.ready(BUNDLE)
    scene.gate.clear()
    starting = asyncio.ensure_future(scene.homes.ready(BUNDLE.model_copy(update={"digest": "sha256:2"})))
    await scene.settled()

    await scene.homes.close()

    assert not scene.started[0].is_alive
    assert scene.doors == ["opened", "closed"]
    with pytest.raises(ShuttingDown):
        await starting
