"""Addresses and names: what a person may be called."""

import pytest
from pydantic import TypeAdapter, ValidationError

from jinba_mcp.domain.users import Email, PersonName, folded

EMAIL, NAME = TypeAdapter(Email), TypeAdapter(PersonName)


@pytest.mark.parametrize("email", ["a@b", "ada.l+jinba@example.co.uk", "ADA@EXAMPLE.COM", "ün@bücher.example"])
def test_an_address_is_kept_as_it_is_typed(email: str) -> None:
    assert EMAIL.validate_python(email) == email


@pytest.mark.parametrize(
    "email",
    [
        "", "ada", "@example.com", "ada@", "a@b@c", "ada @example.com", "ada@exam ple.com", "ada@example.com\n",
        "a@b\nBcc: c@d", "a,b@c", "<a@b>", "a" * 65 + "@example.com", "a@" + "b" * 260, "a\x00@b",
        "a\x85b@c", "a\x9a@b", "a@\ufeffb",
        "a@[", "a@[127.0.0.1]", "a(b)@c", "(a).@b", "a@b(c)", "a\\b@c", "=?utf-8?q?a?=@b", "=?utf-8?q?=2C?=a@b",
    ],
)  # fmt: skip
def test_what_is_no_address_or_could_be_two_is_refused(email: str) -> None:
    with pytest.raises(ValidationError):
        EMAIL.validate_python(email)


def test_a_name_is_one_line() -> None:
    assert NAME.validate_python("Ada 🦜 Lovelace") == "Ada 🦜 Lovelace"
    for wrong in ("", "a\nb", "a\x00", "x" * 101):
        with pytest.raises(ValidationError):
            NAME.validate_python(wrong)


def test_case_makes_no_other_address() -> None:
    assert folded("Ada@Example.com") == folded("aDA@eXAMPLE.COM")
