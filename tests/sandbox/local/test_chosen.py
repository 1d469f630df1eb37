"""The engine `local`: chosen once, announced, and refused with a reason where nothing holds."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.engine import Engine, Limits, OutcomeStatus, Program, Setup
from jinba_mcp.sandbox.local import selftest, tiers
from jinba_mcp.sandbox.local.chosen import ChosenEngine
from jinba_mcp.sandbox.local.tiers import Choice, Least, Tier, Wanted
from tests.worlds import PretendedSandbox

HOST = tiers.Host(system="Linux", is_root=True, landlock_abi=7)


class Chooser:
    """Stands for the self-test: gives the choice it was told, and counts how often it was asked."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, tier: Tier = Tier.NAMESPACES, problem: str | None = None
    ) -> None:
        self.choice = Choice(tier=tier, isolation=tiers.isolation(tier, HOST), problem=problem)
        self.asked: list[tuple[Wanted, Least | None]] = []
        self.made: list[Tier] = []
        self.sandbox = PretendedSandbox(is_up=True)
        monkeypatch.setattr(selftest, "choose", self.choose)

    async def choose(self, make: object, wanted: Wanted, least: Least | None) -> Choice:
        assert callable(make)
        self.asked.append((wanted, least))
        await asyncio.sleep(0)
        return self.choice

    def make(self, tier: Tier) -> Engine:
        self.made.append(tier)
        return self.sandbox

    def engine(self, wanted: Wanted = "auto", least: Least | None = None) -> ChosenEngine:
        return ChosenEngine(self.make, wanted, least)


@pytest.fixture
def setup(program: Callable[[str], Program]) -> Setup:
    return Setup(program("def run() -> dict: return {}"), Limits())


async def test_it_is_chosen_once_however_many_ask(monkeypatch: pytest.MonkeyPatch, setup: Setup) -> None:
    chooser = Chooser(monkeypatch)
    engine = chooser.engine(least="strong")
    outcomes = await asyncio.gather(*(engine.run(setup, {}) for _ in range(3)))
    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.SUCCESS] * 3
    assert (chooser.asked, chooser.made) == ([("auto", "strong")], [Tier.NAMESPACES])


async def test_everything_is_handed_on(monkeypatch: pytest.MonkeyPatch, setup: Setup) -> None:
    chooser = Chooser(monkeypatch)
    engine = chooser.engine()
    await engine.prepare(setup.program.bundle)
    await engine.arm(setup)
    assert (await engine.describe(setup.program, Limits())).input_schema["type"] == "object"
    await engine.discard("sha256:1")
    await engine.close()
    assert (chooser.sandbox.prepared, chooser.sandbox.discarded) == ([setup.program.bundle], ["sha256:1"])


async def test_it_announces_the_tier_and_not_what_the_engine_says(monkeypatch: pytest.MonkeyPatch) -> None:
    chooser = Chooser(monkeypatch, Tier.LANDLOCK)
    found = await chooser.engine().capabilities()
    assert (found.isolation.tier, found.isolation.level) == ("landlock", "contained")
    assert found.languages == ("python",)


async def test_where_nothing_holds_nothing_runs_and_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    chooser = Chooser(monkeypatch, Tier.NONE, problem="no sandbox works here: install bubblewrap")
    engine = chooser.engine()
    with pytest.raises(SandboxUnavailable, match="install bubblewrap"):
        await engine.run(setup, {})
    assert (await engine.capabilities()).problem == "no sandbox works here: install bubblewrap"
    await engine.discard("sha256:1")
    await engine.close()
    assert (chooser.made, chooser.sandbox.discarded) == ([], [])
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize(
    ("tier", "level"),
    [(Tier.NAMESPACES, logging.INFO), (Tier.LANDLOCK, logging.WARNING), (Tier.NONE, logging.WARNING)],
)
async def test_the_log_says_what_was_chosen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tier: Tier, level: int
) -> None:
    caplog.set_level(logging.INFO)
    await Chooser(monkeypatch, tier).engine().choice()
    (record,) = caplog.records
    assert (record.levelno, vars(record)["tier"]) == (level, tier.value)
