"""Engines: which may run which code. Trust is decided here."""

from dataclasses import dataclass
from typing import Literal

import pytest

from jinba_mcp.core.engines import Engines
from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import RunLogs
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.toolsets import Origin
from jinba_mcp.sandbox.engine import Bundle, Capabilities, Limits, Outcome, OutcomeStatus, Program, Setup, Signature

Provider = Literal["inprocess", "local"]


@dataclass
class FakeEngine:
    """Runs no code; remembers whether it was closed."""

    name: str
    is_closed: bool = False

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            languages=("python",), isolation=Isolation(provider=self.name, tier="fake", level=Level.NONE)
        )

    async def prepare(self, bundle: Bundle, report: Reporter | None = None) -> None: ...

    async def describe(self, program: Program, limits: Limits) -> Signature:
        return Signature(input_schema={}, output_schema=None, description=f"{program.tool} {limits}")

    async def arm(self, setup: Setup) -> None: ...

    async def run(self, setup: Setup, arguments: JsonObject, report: Reporter | None = None) -> Outcome:
        said = f"{setup.program.tool} {report}"
        return Outcome(status=OutcomeStatus.SUCCESS, output=arguments, logs=RunLogs(stdout=(said,)))

    async def discard(self, digest: str) -> None: ...

    async def close(self) -> None:
        self.is_closed = True


def installed(*names: str) -> tuple[Engines, dict[str, FakeEngine]]:
    fakes = {name: FakeEngine(name) for name in names}
    return Engines(fakes), fakes


@pytest.mark.parametrize(
    ("origin", "provider", "chosen"),
    [
        (Origin.OPERATOR, None, "local"),
        (Origin.OPERATOR, "inprocess", "inprocess"),
        (Origin.OPERATOR, "local", "local"),
        (Origin.API, None, "local"),
        (Origin.API, "local", "local"),
    ],
)
def test_code_runs_in_the_sandbox_and_in_process_only_if_the_operators_asks_for_it(
    origin: Origin, provider: Provider | None, chosen: str
) -> None:
    engines, fakes = installed("inprocess", "local")
    assert engines.of(Sandbox(provider=provider), origin) is fakes[chosen]


@pytest.mark.parametrize("names", [["inprocess"], ["inprocess", "local"], []])
def test_code_from_the_api_never_runs_in_process_even_when_it_asks(names: list[str]) -> None:
    engines, _ = installed(*names)
    with pytest.raises(SandboxUnavailable, match="ask for the sandbox provider 'local'"):
        engines.of(Sandbox(provider="inprocess"), Origin.API)


@pytest.mark.parametrize(
    ("names", "origin", "provider", "missing"),
    [
        (["inprocess"], Origin.API, None, "local"),
        (["inprocess"], Origin.API, "local", "local"),
        (["inprocess"], Origin.OPERATOR, "local", "local"),
        (["inprocess"], Origin.OPERATOR, None, "local"),
        (["local"], Origin.OPERATOR, "inprocess", "inprocess"),
    ],
)
def test_without_the_engine_that_is_wished_for_nothing_runs(
    names: list[str], origin: Origin, provider: Provider | None, missing: str
) -> None:
    engines, _ = installed(*names)
    with pytest.raises(SandboxUnavailable, match=f"no sandbox '{missing}'"):
        engines.of(Sandbox(provider=provider), origin)


def test_engines_are_listed_by_name() -> None:
    engines, _ = installed("local", "inprocess")
    assert engines.names == ["inprocess", "local"]


async def test_closing_closes_every_engine() -> None:
    engines, fakes = installed("inprocess", "local")
    await engines.close()
    assert all(engine.is_closed for engine in fakes.values())


async def test_what_each_engine_can_do_is_told_by_name() -> None:
    engines, _ = installed("local", "inprocess")
    assert {name: found.isolation.provider for name, found in (await engines.capabilities()).items()} == {
        "inprocess": "inprocess",
        "local": "local",
    }
