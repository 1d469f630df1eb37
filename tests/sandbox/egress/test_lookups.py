"""Lookups that block, beside a loop that must not."""

import asyncio
import queue
import threading
from collections.abc import Iterable
from ipaddress import ip_address

import pytest

from jinba_mcp.domain.addresses import IPAddress
from jinba_mcp.sandbox.egress.lookups import MAX_LOOKUPS, Lookups, system_lookup
from tests.sandbox.egress.worlds import PUBLIC


def test_the_systems_resolver_knows_this_machine() -> None:
    assert ip_address("127.0.0.1") in system_lookup("localhost")


async def test_each_address_is_found_once() -> None:
    lookups = Lookups(lambda _: [ip_address(PUBLIC), ip_address("2606::1"), ip_address(PUBLIC)])
    assert await lookups.find("a.example") == (ip_address(PUBLIC), ip_address("2606::1"))


@pytest.mark.parametrize("error", [OSError("no"), UnicodeError("no")])
async def test_what_the_resolver_says_is_told_and_takes_no_place(error: Exception) -> None:
    def lookup(_: str) -> Iterable[IPAddress]:
        raise error

    lookups = Lookups(lookup)
    for _ in range(MAX_LOOKUPS * 2):
        with pytest.raises(type(error), match="no"):
            await lookups.find("a.example")


async def test_slow_lookups_are_given_up_and_count_until_they_end() -> None:
    release = threading.Event()
    started: queue.SimpleQueue[str] = queue.SimpleQueue()

    def lookup(host: str) -> Iterable[IPAddress]:
        started.put(host)
        release.wait(100)
        return [ip_address(PUBLIC)]

    lookups = Lookups(lookup, lookup_s=0.02)
    try:
        gone = await asyncio.gather(*[lookups.find("a.example") for _ in range(20)], return_exceptions=True)
        assert [type(each) for each in gone] == [TimeoutError] * 20
        for _ in range(MAX_LOOKUPS):
            await asyncio.to_thread(started.get, timeout=60)
        with pytest.raises(TimeoutError):
            await lookups.find("b.example")
        assert started.empty()
    finally:
        release.set()
    lookups._lookup_s = 60
    assert await lookups.find("c.example") == (ip_address(PUBLIC),)
