"""A program that spends an organization's credits until they are gone, or until it is killed; tells each run it got."""

import asyncio
import sys
from pathlib import Path

from jinba_mcp.clock import system_clock
from jinba_mcp.core import core
from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.domain.errors import CreditsInsufficient
from jinba_mcp.domain.runs import RunSource
from jinba_mcp.sandbox.inprocess import InProcessEngine
from jinba_mcp.storage.store import Store
from tests.worlds import PretendedResolver, a_workshop

SPENDERS = 25


async def main(url: str, keyring: str) -> None:
    store, engine = await Store.open(url), InProcessEngine(max_threads=SPENDERS)
    workshop = a_workshop(PretendedResolver(), Keyring(Path(keyring)), engine)
    built = core.build(store, system_clock, workshop, observe=lambda _: None)
    operator = await built.organizations.operator("default")
    ref = ToolRef(organization="default", toolset="greeting-tools", tool="greet")

    async def spend() -> None:
        while True:
            try:
                run = await built.runs.call(operator, ref, {}, CallContext(source=RunSource.REST))
            except CreditsInsufficient:
                return
            print(run.id, flush=True)  # noqa: T201  the parent reads it

    await asyncio.gather(*(spend() for _ in range(SPENDERS)))
    await engine.close()
    await store.close()


asyncio.run(main(*sys.argv[1:]))
