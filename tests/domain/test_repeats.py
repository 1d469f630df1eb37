"""Idempotency keys: what is kept of them, and what makes two calls the same."""

from jinba_mcp.domain.repeats import fingerprint, key_digest


def test_a_key_is_kept_as_its_digest() -> None:
    assert "secret-order-7" not in key_digest("secret-order-7")
    assert key_digest("a") != key_digest("b")


def test_calls_are_the_same_whatever_the_order_of_their_arguments() -> None:
    assert fingerprint("t", {"a": 1, "b": 2}) == fingerprint("t", {"b": 2, "a": 1})
    assert fingerprint("t", {"a": 1}) != fingerprint("t", {"a": "1"})
    assert fingerprint("a", "bc") != fingerprint("ab", "c")
