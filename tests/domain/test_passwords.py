"""Passwords: which are refused as new ones, and which are not."""

import pytest

from jinba_mcp.domain.passwords import MAX_LENGTH, MIN_LENGTH, fault, normalized

ADA = ("Ada Lovelace", "countess.ada@example.com")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "characters"),
        ("x" * (MIN_LENGTH - 1), "characters"),
        ("lantern otter " * MAX_LENGTH, "characters"),
        ("aaaaaaaaaaaaaaa", "repetitive"),
        ("abcdabcdabcdabcd", "repetitive"),
        ("ab12ab12ab12ab", "repetitive"),
        ("countess.ada@example.com", "name or address"),
        ("Ada Lovelace", "name or address"),
        ("Lovelace!2026", "name or address"),
        ("Countess-1815", "name or address"),
        ("Password2026!", "common word"),
        ("P@ssw0rd2026!!", "common word"),
        ("welcomewelcome1", "common word"),
        ("letmein letmein", "common word"),
        ("abcdefghijkl", "sequence"),
        ("zyxwvutsrqpo", "sequence"),
        ("123456789012", "sequence"),
        ("qwertyuiop12", "sequence"),
        ("asdfghjklzxcvbnm", "sequence"),
        ("1q2w3e 987654321", None),
        ("lantern-otter-crossing", None),
        ("correct horse battery staple", None),
        ("пароль на десяти языках", None),
        ("Tr0ub4dor&3-of-the-sea", None),
        ("my password is a long sentence", None),
        ("ada finds 7 wild geese", None),
    ],
)
def test_what_is_among_the_first_guesses_is_refused_with_the_reason(password: str, reason: str | None) -> None:
    found = fault(password, *ADA)
    assert (found is None) == (reason is None), found
    assert reason is None or reason in (found or "")


def test_without_a_name_nothing_is_too_close_to_it() -> None:
    assert fault("Lovelace-on-Sea") is None
    assert fault("xy-is-my-name", "xy") is None


def test_two_ways_to_type_the_same_are_one_password() -> None:
    assert normalized("\u00c5ngstrom") == normalized("A\u030angstrom")
    assert normalized("\ufb01rst") == "first"
