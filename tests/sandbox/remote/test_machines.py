"""How machines are kept, with machines that only know whether they were deleted."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from jinba_mcp.domain.errors import LimitExceeded, ShuttingDown
from jinba_mcp.sandbox.remote.machines import Machines
from jinba_mcp.sandbox.remote.provider import Machine, Order, ProviderFailed
from tests.sandbox.remote.conftest import setup_of
from tests.sandbox.remote.machines import until


class Idle:
    """A machine without work."""

    def __init__(self) -> None:
        self.is_deleted = False

    async def upload(self, path: str, content: bytes) -> None: ...

    async def execute(self, command: Sequence[str], timeout_s: float) -> tuple[int, str]:
        raise NotImplementedError

    async def call(self, request: bytes, receive: Callable[[bytes], None], timeout_s: float) -> None: ...

    async def delete(self) -> None:
        self.is_deleted = True


class Shop:
    """Makes machines as slowly as a test wants."""

    def __init__(self) -> None:
        self.made: list[Idle] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_broken = False

    async def create(self, _order: Order) -> Machine:
        await self.gate.wait()
        if self.is_broken:
            raise ProviderFailed("broken")
        self.made.append(Idle())
        return self.made[-1]

    def machines(
        self, *, is_single_use: bool = False, max_count: int = 4, spare_count: int = 0, idle_s: float = 600.0
    ) -> Machines:
        return Machines(
            self.create, is_single_use=is_single_use, max_count=max_count, spare_count=spare_count, idle_s=idle_s
        )


def order_of(digest: str = "d1", **limits: int) -> Order:
    setup = setup_of("", digest=digest, **limits)
    return Order(setup.program.bundle, setup.limits)


async def test_a_tenant_keeps_its_machine_and_shares_it_with_nobody() -> None:
    shop = Shop()
    machines = shop.machines()
    for tenant in ("a", "a", "b"):
        async with machines.lease(order_of(), tenant):
            pass
    assert len(shop.made) == 2
    await machines.close()


async def test_two_runs_of_a_tenant_wait_for_one_machine() -> None:
    shop = Shop()
    shop.gate.clear()
    machines = shop.machines()

    async def run() -> None:
        async with machines.lease(order_of(), "a"):
            pass

    runs = [asyncio.create_task(run()) for _ in range(3)]
    await until(lambda: machines.count == 1)
    shop.gate.set()
    await asyncio.gather(*runs)
    assert len(shop.made) == 1
    await machines.close()


async def test_a_single_use_machine_is_used_once_and_replaced() -> None:
    shop = Shop()
    machines = shop.machines(is_single_use=True, spare_count=1)
    async with machines.lease(order_of(), "a") as first:
        pass
    await until(lambda: len(shop.made) == 2 and shop.made[0].is_deleted)
    async with machines.lease(order_of(), "a") as second:
        assert second is not first
        assert second.machine is shop.made[1]
    await machines.close()


async def test_a_spare_with_other_limits_is_not_taken() -> None:
    shop = Shop()
    machines = shop.machines(is_single_use=True, spare_count=1)
    machines.warm(order_of(memory_bytes=2**25))
    await until(lambda: len(shop.made) == 1)
    async with machines.lease(order_of(memory_bytes=2**26), "a") as kept:
        assert kept.machine is not shop.made[0]
    await machines.close()


async def test_the_idlest_goes_when_there_are_too_many_and_the_busy_stay() -> None:
    shop = Shop()
    machines = shop.machines(max_count=2)
    async with machines.lease(order_of(), "a"):
        async with machines.lease(order_of(), "b"):
            with pytest.raises(LimitExceeded, match="All 2 machines"):
                async with machines.lease(order_of(), "c"):
                    pass
        async with machines.lease(order_of(), "c"):
            pass
    await until(lambda: [machine.is_deleted for machine in shop.made] == [False, True, False])
    await machines.close()


async def test_idle_machines_are_deleted() -> None:
    shop = Shop()
    machines = shop.machines(idle_s=0.02)
    async with machines.lease(order_of(), "a"):
        pass
    await until(lambda: shop.made[0].is_deleted)
    assert machines.count == 0
    await machines.close()


async def test_a_doomed_machine_is_not_used_again() -> None:
    shop = Shop()
    machines = shop.machines()
    async with machines.lease(order_of(), "a") as kept:
        kept.is_doomed = True
    async with machines.lease(order_of(), "a"):
        pass
    assert [machine.is_deleted for machine in shop.made] == [True, False]
    await machines.close()


async def test_discarding_waits_for_the_run_on_a_machine() -> None:
    shop = Shop()
    machines = shop.machines()
    async with machines.lease(order_of(), "a"):
        await machines.discard("d1")
        await asyncio.sleep(0)
        assert not shop.made[0].is_deleted
    await until(lambda: shop.made[0].is_deleted)
    await machines.close()


async def test_a_machine_whose_caller_went_away_serves_the_next() -> None:
    shop = Shop()
    shop.gate.clear()
    machines = shop.machines()

    async def run() -> None:
        async with machines.lease(order_of(), "a"):
            pass

    task = asyncio.create_task(run())
    await until(lambda: machines.count == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    shop.gate.set()
    await until(lambda: len(shop.made) == 1)
    async with machines.lease(order_of(), "b"):
        pass
    assert len(shop.made) == 1
    await machines.close()


async def test_ready_makes_one_that_is_nobodys() -> None:
    shop = Shop()
    machines = shop.machines()
    for _ in range(2):
        await machines.ready(order_of())
    async with machines.lease(order_of(), "a"):
        pass
    assert len(shop.made) == 1
    await machines.close()


async def test_closing_deletes_what_is_still_in_the_making() -> None:
    shop = Shop()
    shop.gate.clear()
    machines = shop.machines(spare_count=1)
    machines.warm(order_of())
    closing = asyncio.create_task(machines.close())
    await asyncio.sleep(0)
    shop.gate.set()
    await closing
    assert [machine.is_deleted for machine in shop.made] == [True]
    with pytest.raises(ShuttingDown):
        async with machines.lease(order_of(), "a"):
            pass


async def test_a_spare_that_cannot_be_made_hurts_nobody_and_a_call_hears_why() -> None:
    shop = Shop()
    shop.is_broken = True
    machines = shop.machines(spare_count=1)
    machines.warm(order_of())
    await until(lambda: machines.count == 0)
    with pytest.raises(ProviderFailed, match="broken"):
        async with machines.lease(order_of(), "a"):
            pass
    await machines.close()
