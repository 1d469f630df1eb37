"""Resolving a list of which some have no wheels: these are built, to learn what they need, until all fits together.

uv is told what each of them needs before it could think of building one, so that it never does.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jinba_mcp.domain.errors import PackagesUnresolvable
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.sandbox.packages import explaining, locks, sources, uv
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter, Said
from jinba_mcp.sandbox.packages.walled import BuildFailed
from jinba_mcp.sandbox.packages.wheels import Builder, Wheel

MAX_BUILDS = 10
_MAX_STEPS = 3 * MAX_BUILDS


async def compiled(
    lines: Sequence[str], folder: Path, installers: Installers, python: Interpreter, report: Reporter | None
) -> Said:
    """As `uv.compiled`, with what is to be built in the lock too. What is not solved is answered as uv says it.

    Raises:
        PackagesUnresolvable: a package cannot be built, or too many would have to be.
        EnvironmentFailed: the index or this machine is at fault.
    """
    search = _Search(Builder(installers, python), report)
    for _ in range(_MAX_STEPS):
        options = sources.options(search.needs, folder, installers)
        said = await uv.compiled(lines, folder, installers, python, options)
        if said.code:
            missing = explaining.without_wheels(said.errors) - search.needs.keys()
            if not missing:
                return said
            search.add(missing)
            continue
        pins = [pin for pin in locks.pins(said.output) if pin.name in search.needs]
        if not await search.build(pins):
            made = [locks.Build(wheel.source, wheel.tools) for wheel in map(search.wheel, pins)]
            return replace(said, output=locks.with_builds(said.output, made))
    raise PackagesUnresolvable(
        "The packages that have no wheels need each other in versions that never fit. List exact versions of them."
    )


class _Search:
    """What is known so far of packages without wheels."""

    def __init__(self, builder: Builder, report: Reporter | None) -> None:
        self.needs: dict[str, tuple[str, ...]] = {}
        """By name, of the version that was built last; nothing before one was."""
        self._wheels: dict[tuple[str, str], Wheel] = {}
        self._builder = builder
        self._report = report
        self._said_count = 0

    def add(self, names: set[str]) -> None:
        self.needs |= dict.fromkeys(sorted(names), ())
        if len(self.needs) > MAX_BUILDS:
            raise PackagesUnresolvable(
                f"More than {MAX_BUILDS} packages would have to be built from source. List versions that have wheels."
            )

    def wheel(self, pin: locks.Pin) -> Wheel:
        return self._wheels[pin.name, pin.version]

    async def build(self, pins: list[locks.Pin]) -> bool:
        """Whether anything is known now that was not before."""
        has_learnt = False
        for pin in pins:
            if (pin.name, pin.version) not in self._wheels:
                self._wheels[pin.name, pin.version] = await self._made(pin)
            needs = self.wheel(pin).needs
            has_learnt = has_learnt or needs != self.needs[pin.name]
            self.needs[pin.name] = needs
        return has_learnt

    async def _made(self, pin: locks.Pin) -> Wheel:
        try:
            return await self._builder.make(pin, self._say)
        except BuildFailed as failed:
            message = f"Package '{pin.name}' {pin.version} has no wheel for this machine, and {failed}."
            raise PackagesUnresolvable(message, package=pin.name) from None

    def _say(self, sentence: str) -> None:
        self._said_count += 1
        if self._report is not None:
            self._report(self._said_count, None, sentence)
