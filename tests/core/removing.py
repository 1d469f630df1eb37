"""A program that deletes an organization until it is killed; says on standard output how far it is."""

import asyncio
import sys

from jinba_mcp.clock import system_clock
from jinba_mcp.core import organizations
from jinba_mcp.core.organizations import Organizations
from jinba_mcp.storage import removal
from jinba_mcp.storage.store import Store


async def main(url: str, slug: str) -> None:
    removal.AT_ONCE = 1
    organizations.PAUSE_S = 0.05
    store = await Store.open(url)
    service = Organizations(store, system_clock)
    await service.delete(await service.operator(slug), slug, confirm=slug)
    print("deleted", flush=True)  # noqa: T201  the parent reads it
    while True:
        async with store.read() as tx:
            (mark,) = await tx.organizations.removals()
        if not await service._remove_some(mark):
            return
        print("removed some", flush=True)  # noqa: T201  its test reads it


asyncio.run(main(*sys.argv[1:]))
