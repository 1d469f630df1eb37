"""The self-test: what it lets pass, what it does not, and what is chosen after it."""

import asyncio

import pytest

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.domain.isolation import Level
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.sandbox.engine import Outcome, OutcomeStatus, Setup
from jinba_mcp.sandbox.local import selftest, tiers
from jinba_mcp.sandbox.local.tiers import Tier
from tests.sandbox.local.unwalled import UnwalledEngine


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "_findings", {})


class TightEngine(UnwalledEngine):
    """Nothing gets out of it, because nothing runs in it."""

    async def run(self, setup: Setup, arguments: JsonObject, report: Reporter | None = None) -> Outcome:
        self.run_count += 1
        return Outcome(status=OutcomeStatus.SUCCESS, output={})


class Makers:
    """Makes engines that hold for some tiers and do not for the others."""

    def __init__(self, *holding: Tier, missing: tuple[Tier, ...] = ()) -> None:
        self.made: dict[Tier, UnwalledEngine] = {}
        self._holding = holding
        self._missing = missing

    def __call__(self, tier: Tier) -> UnwalledEngine:
        if tier in self._missing:
            raise SandboxUnavailable(f"no engine for {tier}")
        engine = self.made[tier] = TightEngine() if tier in self._holding else UnwalledEngine()
        return engine


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    found = selftest.host().model_copy(
        update={"system": "Linux", "is_root": False, "landlock_abi": 7, "has_bwrap": True}
    )
    monkeypatch.setattr(selftest, "host", lambda: found)


async def test_a_tier_that_was_broken_out_of_is_rejected_by_the_names_of_the_doors(linux: None) -> None:
    make = Makers(Tier.BWRAP)
    chosen = await selftest.choose(make, "auto", None)
    assert (chosen.tier, chosen.isolation.level) == (Tier.BWRAP, Level.STRONG)
    assert chosen.rejected[Tier.NAMESPACES].startswith("the self-test broke out: read-file, list-folder, ")
    assert all(engine.is_closed for engine in make.made.values())


async def test_tiers_below_the_one_that_works_are_not_tried(linux: None) -> None:
    make = Makers(Tier.NAMESPACES)
    await selftest.choose(make, "auto", None)
    assert set(make.made) == {Tier.NAMESPACES}


async def test_what_was_found_is_not_sought_again(linux: None) -> None:
    make = Makers(Tier.NAMESPACES)
    first = await selftest.choose(make, "auto", None)
    assert await selftest.choose(make, "auto", "strong") == first
    assert make.made[Tier.NAMESPACES].run_count == 1


async def test_no_sandbox_is_chosen_over_a_leaking_one(linux: None) -> None:
    chosen = await selftest.choose(Makers(missing=(Tier.WASM,)), "auto", None)
    assert (chosen.tier, chosen.isolation.level) == (Tier.NONE, Level.NONE)
    assert "wasm: no engine for wasm (install jinba-mcp[wasm])" in str(chosen.problem)


async def test_no_self_test_is_run_where_no_sandbox_was_asked_for(linux: None) -> None:
    make = Makers()
    assert (await selftest.choose(make, "unsafe", None)).problem is None
    assert make.made == {}


async def test_a_self_test_that_does_not_end_rejects_the_tier(linux: None) -> None:
    chosen = await selftest.choose(lambda _tier: UnwalledEngine(break_off=True), "landlock", None)
    assert "did not come to its end: timeout" in str(chosen.problem)


async def test_an_engine_that_cannot_be_set_up_rejects_the_tier(linux: None) -> None:
    def make(_tier: Tier) -> UnwalledEngine:
        raise PermissionError(1, "no room")

    assert "it cannot be set up: [Errno 1] no room" in str((await selftest.choose(make, "namespaces", None)).problem)


async def test_what_the_tool_keeps_to_itself_is_seen_from_outside() -> None:
    class Silent(UnwalledEngine):
        async def run(self, setup: Setup, arguments: JsonObject, report: Reporter | None = None) -> Outcome:
            await super().run(setup, arguments, report)
            return Outcome(status=OutcomeStatus.SUCCESS, output={})

    found = {escape.name for escape in await selftest.probe(Silent())}
    assert found == {"change-file", "write-file", "tcp", "unix-socket", "abstract-socket", "datagram"}


async def test_two_self_tests_at_once_do_not_disturb_each_other() -> None:
    one, other = await asyncio.gather(selftest.probe(UnwalledEngine()), selftest.probe(UnwalledEngine()))
    assert {escape.name for escape in one} == {escape.name for escape in other}


def test_the_machine_is_described_without_trying_anything() -> None:
    found = selftest.host()
    assert found.system
    assert set(found.sysctl) <= set(tiers.SYSCTLS)
