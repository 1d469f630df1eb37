"""The engine `local` as the rest of the house knows it: the best tier that holds here, found out when first needed."""

import asyncio
import logging
from collections.abc import Callable

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.sandbox.engine import Bundle, Capabilities, Engine, Limits, Outcome, Program, Setup, Signature
from jinba_mcp.sandbox.local import selftest
from jinba_mcp.sandbox.local.tiers import Choice, Least, Tier, Wanted

logger = logging.getLogger(__name__)


class ChosenEngine:
    """Tries the tiers once, says in the log which one it took and what that does not stop, and hands everything on."""

    name = "local"

    def __init__(self, make_engine: Callable[[Tier], Engine], wanted: Wanted, least: Least | None) -> None:
        """`make_engine` raises `SandboxUnavailable` for a tier that it has no engine for."""
        self._make_engine = make_engine
        self._wanted: Wanted = wanted
        self._least: Least | None = least
        self._choosing = asyncio.Lock()
        self._choice: Choice | None = None
        self._chosen: Engine | None = None

    async def choice(self) -> Choice:
        """Which tier was taken and why not a better one."""
        async with self._choosing:
            if self._choice is None:
                self._choice = await selftest.choose(self._make_engine, self._wanted, self._least)
                _tell(self._choice)
            return self._choice

    async def capabilities(self) -> Capabilities:
        choice = await self.choice()
        if choice.problem is not None:
            return Capabilities(languages=(), isolation=choice.isolation, problem=choice.problem)
        found = await (await self._engine()).capabilities()
        return found.model_copy(update={"isolation": choice.isolation})

    async def prepare(self, bundle: Bundle, report: Reporter | None = None) -> None:
        await (await self._engine()).prepare(bundle, report)

    async def describe(self, program: Program, limits: Limits) -> Signature:
        return await (await self._engine()).describe(program, limits)

    async def arm(self, setup: Setup) -> None:
        await (await self._engine()).arm(setup)

    async def run(self, setup: Setup, arguments: JsonObject, report: Reporter | None = None) -> Outcome:
        engine = self._chosen or await self._engine()
        return await engine.run(setup, arguments, report)

    async def discard(self, digest: str) -> None:
        if self._chosen is not None:
            await self._chosen.discard(digest)

    async def close(self) -> None:
        if self._chosen is not None:
            await self._chosen.close()

    async def _engine(self) -> Engine:
        choice = await self.choice()
        if choice.problem is not None:
            raise SandboxUnavailable(f"Code cannot be run here: {choice.problem}.")
        if self._chosen is None:
            self._chosen = self._make_engine(choice.tier)
        return self._chosen


def _tell(choice: Choice) -> None:
    told = {
        "event": "sandbox.chosen",
        "tier": choice.tier.value,
        "level": choice.isolation.level.value,
        "weaker": ", ".join(choice.isolation.weaker),
        "rejected": "; ".join(f"{tier}: {why}" for tier, why in choice.rejected.items()),
    }
    if choice.problem is not None:
        logger.error("No sandbox: code that needs one is refused", extra={**told, "problem": choice.problem})
    elif choice.tier is Tier.NONE:
        logger.warning("JINBA_SANDBOX=unsafe: code runs with nothing around it", extra=told)
    elif choice.isolation.weaker:
        logger.warning("The sandbox is weaker here than it can be", extra=told)
    else:
        logger.info("The sandbox is up", extra=told)
