"""The gate: names first, then every address, and nothing is looked up that need not be."""

import socket
from collections.abc import Iterable
from ipaddress import ip_address

import pytest

from jinba_mcp.domain.addresses import Destination, IPAddress
from jinba_mcp.sandbox.egress import gate as gates
from jinba_mcp.sandbox.egress.gate import Gate, Refused, is_own
from tests.sandbox.egress.worlds import PUBLIC

API = Destination("api.example.com", 443)


def _resolving(*addresses: str) -> Iterable[IPAddress]:
    return [ip_address(address) for address in addresses]


async def test_all_addresses_of_a_name_are_returned_once() -> None:
    gate = Gate("on", lookup=lambda _: _resolving(PUBLIC, "2606:4700::1", PUBLIC))
    assert await gate.admit(API) == (ip_address(PUBLIC), ip_address("2606:4700::1"))


async def test_an_address_needs_no_lookup() -> None:
    def lookup(host: str) -> Iterable[IPAddress]:
        raise AssertionError(host)

    assert await Gate("on", lookup=lookup).admit(Destination("1.1.1.1", 53)) == (ip_address("1.1.1.1"),)


@pytest.mark.parametrize("error", [OSError(), socket.gaierror(), UnicodeError("label too long")])
async def test_a_resolver_that_fails_is_no_fault_of_ours(error: Exception) -> None:
    def lookup(_: str) -> Iterable[IPAddress]:
        raise error

    with pytest.raises(Refused, match="cannot be resolved") as caught:
        await Gate("on", lookup=lookup).admit(API)
    assert (caught.value.status, caught.value.kind) == (502, "dns_error")


async def test_a_name_without_addresses_is_refused() -> None:
    with pytest.raises(Refused, match="has no address"):
        await Gate("on", lookup=lambda _: []).admit(API)


async def test_a_slow_resolver_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate("on")

    async def find(_: str) -> tuple[IPAddress, ...]:
        raise TimeoutError

    monkeypatch.setattr(gate._lookups, "find", find)
    with pytest.raises(Refused, match="in time") as caught:
        await gate.admit(API)
    assert (caught.value.status, caught.value.kind) == (504, "dns_timeout")


async def test_a_public_address_of_this_machine_is_as_private_as_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "is_own", lambda address: str(address) == PUBLIC)
    with pytest.raises(Refused, match="JINBA_SANDBOX_PRIVATE_HOSTS"):
        await Gate("on", lookup=lambda _: _resolving(PUBLIC)).admit(API)
    opened = Gate("on", private_hosts=[API.host], lookup=lambda _: _resolving(PUBLIC))
    assert await opened.admit(API) == (ip_address(PUBLIC),)


def test_addresses_of_this_machine_are_known() -> None:
    assert is_own(ip_address("127.0.0.1"))
    assert not is_own(ip_address("192.0.2.1"))
    assert not is_own(ip_address("2001:db8::1"))


async def test_an_operator_opens_ports_as_narrowly_as_a_policy_does() -> None:
    gate = Gate("on", private_hosts=["db.corp:5432"], lookup=lambda _: _resolving("10.0.0.7"))
    assert await gate.admit(Destination("db.corp", 5432)) == (ip_address("10.0.0.7"),)
    with pytest.raises(Refused, match="private network"):
        await gate.admit(Destination("db.corp", 443))
