"""Addresses: what is public, how destinations are spelled, what a policy allows."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from jinba_mcp.domain.addresses import Destination, HostPattern, Reach, allows, is_public, reach
from jinba_mcp.domain.sandboxes import Network
from tests.domain.generated import modestly

_POLICY: TypeAdapter[Network] = TypeAdapter(Network)
_LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
_NAME = st.builds(lambda labels, top: ".".join([*labels, top]), st.lists(_LABEL, max_size=4), st.just("example"))
_PORT = st.integers(1, 65_535)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "172.32.0.1",
        "168.63.129.17",
        "223.255.255.1",
    ],
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))
    assert is_public(ip_address(f"::ffff:{address}"))
    assert is_public(ip_address(f"64:ff9b::{address}"))


@pytest.mark.parametrize("address", ["2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "2001:200::1"])
def test_global_unicast_of_ipv6_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "127.255.0.9",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.9.9",
    ],
)
def test_private_addresses_are_an_operators_matter_in_every_spelling(address: str) -> None:
    assert reach(ip_address(address)) is Reach.PRIVATE
    assert reach(ip_address(f"::ffff:{address}")) is Reach.PRIVATE
    assert reach(ip_address(f"64:ff9b::{address}")) is Reach.PRIVATE


@pytest.mark.parametrize("address", ["::1", "fc00::1", "fd12:3456::1", "fdff::"])
def test_private_addresses_of_ipv6_are_an_operators_matter(address: str) -> None:
    assert reach(ip_address(address)) is Reach.PRIVATE


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",  # the metadata of most clouds
        "169.254.170.2",  # credentials of ECS tasks
        "169.254.0.23",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",  # noqa: S104  an address to refuse, nothing to listen on
        "0.1.2.3",
        "192.0.2.7",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.9",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
def test_metadata_and_unusable_addresses_are_open_to_nobody_in_any_spelling(address: str) -> None:
    assert reach(ip_address(address)) is Reach.NEVER
    assert reach(ip_address(f"::ffff:{address}")) is Reach.NEVER
    assert reach(ip_address(f"64:ff9b::{address}")) is Reach.NEVER


@pytest.mark.parametrize(
    "address",
    [
        "::",
        "::127.0.0.1",  # compatible with IPv4, given up
        "64:ff9b:1::7f00:1",  # translation inside one network
        "100::1",
        "2001::1",  # Teredo
        "2001:0:53aa:64c:0:0:80ff:fffe",
        "2001:2::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2002:0808:0808::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:42::42",
        "fd00:100::100:200",
        "fd00:a9fe:a9fe::1",
        "fd00:c1::a9fe:a9fe",
        "fe80::1",
        "fe80::a9fe:a9fe",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "fec0::1",
        "ff02::1",
        "ffff:ffff::",
    ],
)
def test_metadata_and_unusable_addresses_of_ipv6_are_open_to_nobody(address: str) -> None:
    assert reach(ip_address(address)) is Reach.NEVER


@modestly
@given(st.ip_addresses())
def test_nothing_is_public_that_python_knows_as_special(address: IPv4Address | IPv6Address) -> None:
    special = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    if special and not (isinstance(address, IPv6Address) and address.ipv4_mapped):
        assert not is_public(address)


@modestly
@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_inside_an_ipv6_one(address: IPv4Address) -> None:
    assert reach(IPv6Address(f"::ffff:{address}")) is reach(address) is reach(IPv6Address(f"64:ff9b::{address}"))


@modestly
@given(_NAME, _PORT)
def test_a_name_has_one_spelling(name: str, port: int) -> None:
    expected = Destination(name, port)
    assert Destination.parse(f"{name}:{port}") == expected
    assert Destination.parse(f"{name.upper()}.:{port}") == expected
    assert Destination.parse(name, default_port=port) == expected
    assert Destination.parse(str(expected)) == expected
    assert expected.address is None


@modestly
@given(st.ip_addresses(), _PORT)
def test_an_address_has_one_spelling(address: IPv4Address | IPv6Address, port: int) -> None:
    shown = str(address) if address.version == 4 else f"[{address.exploded.upper()}]"
    destination = Destination.parse(f"{shown}:{port}")
    assert destination.address == address
    assert destination.host == str(address)
    assert Destination.parse(str(destination)) == destination


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        "example.com",  # no port, and none to fall back on
        "example.com:",
        "example.com:0",
        "example.com:080",
        "example.com:65536",
        "example.com:99999999",
        "example.com:-1",
        "example.com:8\u0660",  # an Arabic zero
        "example.com:80:80",
        "user@example.com:80",
        "user:secret@example.com:80",
        "example.com%00.evil.test:80",
        "%65xample.com:80",
        "127.0.0.1%2f.example.com:80",
        "example.com\\.evil.test:80",
        "example.com/..:80",
        "example.com#:80",
        "example.com :80",
        " example.com:80",
        "example.com\n:80",
        "example.com:80\n",
        "example..com:80",
        ".example.com:80",
        "example.com..:80",
        "-example.com:80",
        "example-.com:80",
        "*.example.com:80",
        "münchen.example:80",
        "example。com:80",
        "ⓔxample.com:80",
        "127.1:80",
        "127.0.1:80",
        "2130706433:80",
        "0x7f000001:80",
        "0x7f.1:80",
        "0x7f.0.0.0x1:80",
        "0177.0.0.1:80",
        "127.0.0.1.1:80",
        "256.1.1.1:80",
        "example.0x:80",
        "1.2.3.4.5.6:80",
        "::1:80",
        "[::1:80",
        "[::1]",
        "[]:80",
        "[127.0.0.1]:80",
        "[fe80::1%eth0]:80",
        "[fe80::1%25eth0]:80",
        "[v1.fe80::a]:80",
        "a" * 64 + ".com:80",
        ".".join(["a" * 50] * 6) + ":80",
    ],
)
def test_what_is_no_plain_destination_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has) no "):
        Destination.parse(text)


@modestly
@given(st.text(max_size=80))
def test_whatever_is_asked_for_is_refused_or_has_a_plain_host(text: str) -> None:
    try:
        host = Destination.parse(text, default_port=80).host
    except ValueError:
        return
    assert host == host.lower()
    assert host.isascii()
    assert not set(host) & set("@/\\%#?[] \t\r\n*")


@pytest.mark.parametrize(
    ("network", "target", "expected"),
    [
        ("off", "example.com:443", False),
        ("on", "example.com:443", True),
        ("on", "example.com:25", True),
        (("example.com",), "example.com:443", True),
        (("example.com",), "EXAMPLE.com.:80", True),
        (("example.com",), "example.com:8080", False),
        (("example.com",), "www.example.com:443", False),
        (("example.com",), "badexample.com:443", False),
        (("example.com",), "example.com.evil.test:443", False),
        (("*.example.com",), "www.example.com:443", True),
        (("*.example.com",), "a.b.example.com:80", True),
        (("*.example.com",), "example.com:443", False),
        (("*.example.com",), "badexample.com:443", False),
        (("*.example.com:8443",), "a.example.com:8443", True),
        (("*.example.com:8443",), "a.example.com:443", False),
        (("db.example.com:5432",), "db.example.com:5432", True),
        (("db.example.com:5432",), "db.example.com:443", False),
        (("db.example.com", "db.example.com:5432"), "db.example.com:5432", True),
        (("1.1.1.1",), "1.1.1.1:443", True),
        (("1.1.1.1",), "[::ffff:1.1.1.1]:443", False),
        (("*.1.1",), "1.1.1.1:443", False),
        (("xn--mnchen-3ya.example",), "XN--MNCHEN-3YA.example:443", True),
    ],
)
def test_a_policy_allows_what_it_names(network: Network, target: str, expected: bool) -> None:  # noqa: FBT001  a table
    assert allows(_POLICY.validate_python(network), Destination.parse(target)) is expected


@modestly
@given(_NAME, _NAME, _PORT)
def test_a_wildcard_allows_names_below_it_only(host: str, other: str, port: int) -> None:
    pattern = HostPattern.parse(f"*.{host}:{port}")
    assert pattern.matches(Destination(f"{other}.{host}", port))
    assert not pattern.matches(Destination(host, port))
    assert not pattern.matches(Destination(f"x{host}", port))
    assert not pattern.matches(Destination(f"{host}.{other}x", port))
