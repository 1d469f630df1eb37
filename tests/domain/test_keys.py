"""Keys: the format of the secret, who may use it from where, and until when."""

import re
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jinba_mcp.domain import keys
from jinba_mcp.domain.ids import KeyId, OrganizationId
from jinba_mcp.domain.keys import Key, KeyKind
from jinba_mcp.domain.scopes import Scope
from tests.domain.generated import modestly

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ZEROS = "jtb_" + "0" * 43 + "2CZclj"


def a_key(**fields: object) -> Key:
    return Key.model_validate(
        {
            "id": KeyId("key_1"),
            "kind": KeyKind.ORGANIZATION,
            "organization_id": OrganizationId("org_1"),
            "user_id": None,
            "name": "ci",
            "prefix": "jtb_abcd",
            "scopes": (Scope.READ,),
            "created_by": "operator",
            "created_at": NOON,
            **fields,
        }
    )


def test_every_generated_secret_is_well_formed() -> None:
    secrets = {keys.new_secret() for _ in range(500)}
    assert len(secrets) == 500
    assert all(keys.is_well_formed(secret) for secret in secrets)
    assert all(re.fullmatch("jtb_[0-9A-Za-z]{49}", secret) for secret in secrets)


@modestly
@given(st.binary(min_size=32, max_size=32))
def test_the_checksum_is_the_crc_32_of_the_body_in_base62(raw: bytes) -> None:
    """The format as it is documented, reckoned here once more from the words."""

    def base62(number: int, length: int) -> str:
        return "".join(ALPHABET[number // 62**place % 62] for place in reversed(range(length)))

    body = base62(int.from_bytes(raw), 43)
    assert keys.is_well_formed(f"jtb_{body}{base62(zlib.crc32(body.encode()), 6)}")


@modestly
@given(st.integers(0, 52), st.sampled_from([*ALPHABET, "-", "_", " ", "é", "\0"]))
def test_a_key_with_one_character_changed_is_refused(position: int, character: str) -> None:
    secret = keys.new_secret()
    changed = secret[:position] + character + secret[position + 1 :]
    assert keys.is_well_formed(changed) is (changed == secret)


@modestly
@given(st.integers(4, 51))
def test_a_key_with_two_neighbours_swapped_is_refused(position: int) -> None:
    secret = keys.new_secret()
    swapped = secret[:position] + secret[position + 1] + secret[position] + secret[position + 2 :]
    assert keys.is_well_formed(swapped) is (swapped == secret)


@pytest.mark.parametrize(
    "spoiled",
    [
        "",
        "jtb_",
        ZEROS[:-1],
        ZEROS + "0",
        ZEROS + "\n",
        " " + ZEROS,
        ZEROS.upper(),
        ZEROS.removeprefix("jtb_"),
        ZEROS * 2,
        "jtb_" + "٣" * 49,
    ],
)
def test_a_key_that_was_not_copied_whole_is_refused(spoiled: str) -> None:
    assert keys.is_well_formed(ZEROS)
    assert not keys.is_well_formed(spoiled)


def test_what_is_stored_is_a_sha_256_and_does_not_hold_the_secret() -> None:
    secret = keys.new_secret()
    assert re.fullmatch("[0-9a-f]{64}", keys.digest(secret))
    assert keys.digest(secret) == keys.digest(secret)
    assert keys.digest(secret) != keys.digest(keys.new_secret())


def test_what_is_shown_of_a_key_is_its_first_8_characters() -> None:
    secret = keys.new_secret()
    assert keys.display_prefix(secret) == secret[:8]
    assert len(keys.display_prefix(secret)) == 8


def test_a_key_without_an_end_never_expires() -> None:
    assert not a_key().has_expired(datetime.max.replace(tzinfo=UTC))


def test_a_key_expires_at_the_very_instant() -> None:
    key = a_key(expires_at=NOON)
    assert not key.has_expired(NOON - timedelta(microseconds=1))
    assert key.has_expired(NOON)
    assert key.has_expired(NOON + timedelta(days=1))


@pytest.mark.parametrize("address", ["203.0.113.9", "::1", None, "", "testclient"])
def test_a_key_for_any_address_asks_for_none(address: str | None) -> None:
    assert a_key().admits_address(address)


@pytest.mark.parametrize(
    ("address", "is_admitted"),
    [
        ("10.1.2.3", True),
        ("10.255.255.255", True),
        ("11.0.0.1", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("::ffff:10.1.2.3", True),
        ("::ffff:11.0.0.1", False),
        ("::1", False),
        ("", False),
        (None, False),
        ("10.1.2.3:4711", False),
        ("localhost", False),
    ],
)
def test_a_key_for_some_addresses_admits_those_only(address: str | None, *, is_admitted: bool) -> None:
    key = a_key(allowed_ips=("10.0.0.0/8", "192.0.2.7", "2001:db8::/32"))
    assert key.admits_address(address) is is_admitted


def test_a_key_for_no_addresses_admits_nobody() -> None:
    assert not a_key(allowed_ips=()).admits_address("127.0.0.1")


@pytest.mark.parametrize("text", ["10.0.0.0/8", "192.0.2.7", "::/0", "2001:db8::/32", "0.0.0.0/0"])
def test_a_network_is_cidr_or_one_address(text: str) -> None:
    assert keys.is_network(text)


@pytest.mark.parametrize("text", ["fe80::1%eth0", "fe80::1%\0", "fe80::%x/10", "10.0.0.0/255.0.0.0"])
def test_a_network_has_neither_a_zone_nor_a_mask(text: str) -> None:
    assert not keys.is_network(text)


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "1", " 10.0.0.0/8", "example.com", "*"])
def test_anything_else_is_no_network(text: str) -> None:
    assert not keys.is_network(text)


def test_a_key_record_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        a_key().name = "other"  # type: ignore[misc]  # that it is refused is the point


def test_a_key_record_has_no_room_for_a_secret() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        a_key(secret=ZEROS)


@pytest.mark.parametrize(
    ("networks", "others", "is_within"),
    [
        (None, None, True),
        (("10.0.0.0/8",), None, True),
        (None, ("10.0.0.0/8",), False),
        ((), ("10.0.0.0/8",), True),
        (("10.0.0.0/8",), (), False),
        (("10.0.0.0/8",), ("10.0.0.0/8",), True),
        (("10.1.0.0/16", "10.2.3.4"), ("192.0.2.0/24", "10.0.0.0/8"), True),
        (("10.0.0.0/7",), ("10.0.0.0/8",), False),
        (("10.1.0.0/16", "192.0.2.1"), ("10.0.0.0/8",), False),
        (("::1",), ("0.0.0.0/0",), False),
        (("2001:db8::/48",), ("2001:db8::/32",), True),
    ],
)
def test_networks_within_others(
    networks: tuple[str, ...] | None, others: tuple[str, ...] | None, *, is_within: bool
) -> None:
    assert keys.are_within(networks, others) is is_within
