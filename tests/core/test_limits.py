"""Who is refused when, what it is told, and what holds while the counters are gone."""

import logging
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace

import anyio
import pytest

from jinba_mcp.core.core import build
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.core.limits import Limits, site
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.domain.errors import ConcurrencyExceeded, LimitsUnavailable, NarrowingExceeded, RateExceeded
from jinba_mcp.domain.limits import Quota, Quotas, Standing, Window
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.runs import RunFilter
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.sandbox.inprocess import InProcessEngine
from jinba_mcp.storage.counters import MemoryCounters
from jinba_mcp.storage.redis_counters import RedisCounters
from tests import redis
from tests.storage.records import a_run
from tests.worlds import PretendedResolver, World, a_workshop

Limited = Callable[..., World]

enough = threading.Event()
WAIT = """
def run() -> dict:
    from tests.core.test_limits import enough
    enough.wait(60)
    return {}
"""


def limits(world: World, **quotas: Quota) -> Limits:
    return Limits(MemoryCounters(world.clock), Quotas(**quotas))


@pytest.fixture
async def limited(world: World, resolver: PretendedResolver, keyring: Keyring) -> AsyncIterator[Limited]:
    engine = InProcessEngine(max_threads=8)
    workshop = a_workshop(resolver, keyring, engine)

    def built(**quotas: Quota) -> World:
        kept = limits(world, **quotas)
        core = build(world.store, world.clock, workshop, observe=world.observed.append, limits=kept)
        return replace(world, core=core)

    yield built
    await engine.close()


async def test_a_key_makes_so_many_requests_and_is_told_when_the_next_is_free(world: World) -> None:
    kept, caller = limits(world, key=Quota(per_minute=2)), await world.key(Scope.READ)
    await kept.request(caller, None)
    world.clock.advance(seconds=20)
    counted = await kept.request(caller, None)
    assert counted is not None
    assert (counted.standing.remaining, counted.standing.reset_s) == (0, 40)
    with pytest.raises(RateExceeded, match=r"2 a minute\. Try again in 40 seconds") as caught:
        await kept.request(caller, None)
    assert caught.value.details == {"limit": "key", "allowed": 2, "periodSeconds": 60, "retryAfter": 40}
    world.clock.advance(seconds=40)
    await kept.request(caller, None)


async def test_each_key_has_its_own_count(world: World) -> None:
    kept = limits(world, key=Quota(per_minute=1))
    await kept.request(await world.key(Scope.READ), None)
    await kept.request(await world.key(Scope.READ), None)


async def test_a_rate_of_the_keys_own_replaces_the_servers(world: World) -> None:
    kept = limits(world, key=Quota(per_minute=1, per_day=3))
    caller = await world.key(Scope.READ, rate_limit=10)
    assert kept.of_key(caller) == Quota(per_minute=10, per_day=3)
    for _ in range(3):
        await kept.request(caller, None)
    with pytest.raises(RateExceeded, match="3 a day"):
        await kept.request(caller, None)


async def test_a_changed_rate_holds_from_the_next_request_on(world: World) -> None:
    issued = await world.core.keys.issue(world.operator, "default", KeyTerms(name="k", rate_limit=1))
    kept = limits(world)
    await kept.request(await world.core.keys.authenticate(issued.secret), None)
    await world.core.keys.change(world.operator, "default", issued.key.id, {"rate_limit": 2})
    await kept.request(await world.core.keys.authenticate(issued.secret), None)


async def test_a_limited_key_hands_out_no_faster_one(world: World) -> None:
    caller = await world.key(Scope.ADMIN, rate_limit=10)
    await world.core.keys.issue(caller, "default", KeyTerms(name="slower", rate_limit=10))
    for rate_limit in (11, None):
        with pytest.raises(NarrowingExceeded):
            await world.core.keys.issue(caller, "default", KeyTerms(name="faster", rate_limit=rate_limit))


async def test_an_organizations_keys_count_together_and_others_apart(world: World) -> None:
    kept = limits(world, organization=Quota(per_day=2))
    await kept.request(await world.key(Scope.READ), None)
    await kept.request(await world.key(Scope.READ), "default")
    with pytest.raises(RateExceeded, match="of this organization is reached: 2 a day"):
        await kept.request(await world.key(Scope.READ), None)
    await kept.request(await world.key(Scope.READ, organization="other"), None)


async def test_a_users_request_counts_for_the_organization_that_it_names(world: World) -> None:
    await world.user("ada@example.com", Role.ADMIN)
    ada = await world.personal("ada@example.com", Scope.READ)
    kept = limits(world, organization=Quota(per_minute=1))
    await kept.request(ada, "default")
    with pytest.raises(RateExceeded):
        await kept.request(await world.key(Scope.READ), None)


async def test_whoever_holds_the_machine_is_not_limited(limited: Limited) -> None:
    one = Quota(per_minute=1, at_once=1)
    world = limited(key=one, organization=one, tool=one)
    await world.publish()
    for _ in range(3):
        assert await world.core.limits.request(world.operator, None) is None
        await world.call(world.operator, name="Ada")


async def test_a_tool_runs_so_often_for_all_together_and_a_refused_run_is_not_recorded(limited: Limited) -> None:
    world = limited(tool=Quota(per_minute=2))
    await world.publish()
    callers = [await world.key(Scope.EXECUTE, Scope.READ) for _ in range(3)]
    await world.call(callers[0], name="Ada")
    await world.call(callers[1], name="Ada")
    with pytest.raises(RateExceeded, match="of this tool is reached"):
        await world.call(callers[2], name="Ada")
    page = await world.core.history.page(callers[0], "default", RunFilter(), PageRequest())
    assert len(page.items) == 2


@pytest.mark.parametrize("whose", ["key", "organization", "tool"])
async def test_no_more_runs_are_in_flight_than_may_be(limited: Limited, whose: str) -> None:
    world = limited(**{whose: Quota(at_once=2)})
    await world.publish(wait=WAIT)
    caller = await world.key(Scope.EXECUTE)
    refused: list[ConcurrencyExceeded] = []

    async def call() -> None:
        try:
            await world.call(caller, "greeting-tools/wait")
        except ConcurrencyExceeded as error:
            refused.append(error)
            if len(refused) == 3:
                enough.set()

    enough.clear()
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(call)
    assert len(refused) == 3
    assert refused[0].details == {"limit": whose, "allowed": 2, "retryAfter": 1}
    await world.call(caller, "greeting-tools/wait")


async def test_a_run_that_is_refused_by_one_cap_holds_no_place_under_another(limited: Limited) -> None:
    world = limited(key=Quota(at_once=5), tool=Quota(per_minute=1))
    await world.publish()
    caller = await world.key(Scope.EXECUTE)
    await world.call(caller, name="Ada")
    for _ in range(10):
        with pytest.raises(RateExceeded):
            await world.call(caller, name="Ada")


async def test_strangers_count_by_address(world: World) -> None:
    kept = limits(world, address=Quota(per_minute=1))
    await kept.stranger("192.0.2.1")
    await kept.stranger("192.0.2.2")
    with pytest.raises(RateExceeded, match="of this address"):
        await kept.stranger("::ffff:192.0.2.1")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "testclient"),
        (None, ""),
    ],
)
def test_an_ipv6_address_counts_as_its_network(address: str | None, counted: str) -> None:
    assert site(address) == counted


class GoneCounters:
    """A Redis that does not answer."""

    async def take(self, name: str, window: Window) -> Standing:
        raise LimitsUnavailable

    async def enter(self, place: str, caps: Mapping[str, int]) -> str | None:
        raise LimitsUnavailable

    async def leave(self, place: str, names: Sequence[str]) -> None: ...

    async def renew(self) -> None:
        raise LimitsUnavailable

    async def close(self) -> None: ...


async def test_without_counters_nothing_is_let_in_unless_the_operator_wants_it(world: World) -> None:
    caller, quotas = await world.key(Scope.READ), Quotas(key=Quota(per_minute=1), address=Quota(per_minute=1))
    closed, opened = Limits(GoneCounters(), quotas), Limits(GoneCounters(), quotas, fails_open=True)
    for _ in range(3):
        with pytest.raises(LimitsUnavailable):
            await closed.request(caller, None)
        with pytest.raises(LimitsUnavailable):
            await closed.stranger("192.0.2.1")
        assert await opened.request(caller, None) is None
        assert await opened.stranger("192.0.2.1") is None


async def test_without_counters_no_run_is_begun_unless_the_operator_wants_it(world: World) -> None:
    quotas, run = Quotas(tool=Quota(at_once=1)), a_run()
    with pytest.raises(LimitsUnavailable):
        async with Limits(GoneCounters(), quotas).in_flight(run):
            pass
    opened = Limits(GoneCounters(), quotas, fails_open=True)
    async with opened.in_flight(run), opened.in_flight(run):
        pass


async def test_places_that_cannot_be_renewed_are_no_reason_to_stop(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await Limits(GoneCounters(), Quotas()).renew()
    assert [record.message for record in caplog.records] == ["places of runs are not renewed: no counters"]


async def test_processes_with_one_redis_hold_a_cap_together() -> None:
    if not redis.answers():
        return
    one, other = (Limits(RedisCounters(redis.URL), Quotas(organization=Quota(at_once=2))) for _ in range(2))
    organization = f"org_{secrets.token_hex(8)}"
    try:
        async with one.in_flight(a_run(organization)):
            async with other.in_flight(a_run(organization)):
                for limits_of_either in (one, other):
                    with pytest.raises(ConcurrencyExceeded, match="of this organization is reached: 2 runs at once"):
                        async with limits_of_either.in_flight(a_run(organization)):
                            pass
            async with one.in_flight(a_run(organization)):
                pass
    finally:
        await one.close()
        await other.close()


async def test_what_is_not_limited_asks_no_counters(world: World) -> None:
    kept = Limits(GoneCounters(), Quotas())
    async with kept.in_flight(a_run()):
        pass
    assert await kept.request(await world.key(Scope.READ), None) is None
    assert await kept.stranger("192.0.2.1") is None
