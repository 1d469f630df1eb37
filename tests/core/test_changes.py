"""Changes: a feed that wakes for every change after it was opened."""

from contextlib import aclosing

import anyio

from tests.worlds import World


async def test_a_change_after_opening_is_never_missed(world: World) -> None:
    changes = await world.core.changes.watch()
    await world.publish()
    async with aclosing(changes):
        with anyio.fail_after(60):
            await anext(changes)


async def test_without_a_change_nobody_is_woken(world: World) -> None:
    changes = await world.core.changes.watch()
    async with aclosing(changes):
        with anyio.move_on_after(0.1) as waiting:
            await anext(changes)
    assert waiting.cancelled_caught
