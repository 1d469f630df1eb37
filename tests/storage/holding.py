"""A program that holds a place in Redis, and renews it, until it is killed."""

import asyncio
import sys

from jinba_mcp.storage.redis_counters import RedisCounters

HELD_S = 3.0


async def main(url: str, name: str) -> None:
    counters = RedisCounters(url, lease_s=HELD_S)
    assert await counters.enter("theirs", {name: 1}) is None
    print("held", flush=True)  # noqa: T201  the parent reads it
    while True:
        await asyncio.sleep(HELD_S / 30)
        await counters.renew()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
