"""What a sandbox sees of the network."""

from jinba_mcp.domain.addresses import Reach, reach
from jinba_mcp.sandbox.egress.inside import hosts_file, stand_ins


def test_each_host_of_a_policy_has_one_address_of_its_own() -> None:
    addresses = stand_ins(("b.example.com", "a.example.com:5432", "a.example.com", "*.example.org"))
    assert {host: str(address) for host, address in addresses.items()} == {
        "a.example.com": "198.18.0.1",
        "b.example.com": "198.18.0.2",
    }


def test_addresses_that_stand_for_names_are_nowhere_themselves() -> None:
    addresses = stand_ins(tuple(f"h{n}.example.com" for n in range(100)))
    assert len(set(addresses.values())) == 100
    assert {reach(address) for address in addresses.values()} == {Reach.NEVER}


def test_the_hosts_file_lists_them() -> None:
    assert hosts_file(("db.example.com:5432",)) == "127.0.0.1 localhost\n198.18.0.1 db.example.com\n"
    assert hosts_file("on") == hosts_file("off") == "127.0.0.1 localhost\n"
