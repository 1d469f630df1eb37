"""Tokens: random, recognisable, and stored as digests."""

import pytest

from jinba_mcp.domain import tokens


def test_every_token_is_another_one_and_well_formed() -> None:
    made = {tokens.new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(tokens.is_well_formed(token) for token in made)


@pytest.mark.parametrize("text", ["", "x" * 42, "x" * 44, "x" * 42 + "=", "x" * 42 + "\n", "é" * 43])
def test_other_texts_are_none(text: str) -> None:
    assert not tokens.is_well_formed(text)


def test_a_digest_says_nothing_of_its_token() -> None:
    token = tokens.new_token()
    assert tokens.digest(token) == tokens.digest(token) != tokens.digest(tokens.new_token())
    assert len(tokens.digest(token)) == 64
