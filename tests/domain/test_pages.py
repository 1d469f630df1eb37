"""Cursors: opaque, unchanged by the journey, and refused when made up."""

import pytest
from hypothesis import given
from pydantic import ValidationError

from jinba_mcp.domain.errors import CursorInvalid
from jinba_mcp.domain.pages import DEFAULT_LIMIT, MAX_LIMIT, Page, PageRequest, decode_cursor, encode_cursor
from tests.domain.generated import TEXT, modestly


@modestly
@given(TEXT)
def test_a_cursor_comes_back_as_the_key_it_was_made_of(key: str) -> None:
    assert decode_cursor(encode_cursor(key)) == key


@modestly
@given(TEXT)
def test_a_cursor_needs_no_escaping_in_a_url(key: str) -> None:
    assert all(character.isascii() and (character.isalnum() or character in "-_") for character in encode_cursor(key))


@pytest.mark.parametrize("cursor", ["a", "abcde", "run 1", "!!!!", "é", "_w", "gICA", "AAA\n", "=", "\0", "\ud800"])
def test_a_made_up_cursor_is_refused_with_what_to_do(cursor: str) -> None:
    with pytest.raises(CursorInvalid, match="without a cursor"):
        decode_cursor(cursor)


def test_a_page_is_the_last_unless_it_says_otherwise() -> None:
    assert Page[int](items=(1, 2)).next_cursor is None


def test_a_page_holds_what_it_says_it_holds() -> None:
    with pytest.raises(ValidationError):
        Page[int](items=("one",))


def test_a_request_starts_at_the_beginning_with_the_default_number() -> None:
    assert PageRequest() == PageRequest(limit=DEFAULT_LIMIT, after=None)
    assert DEFAULT_LIMIT <= MAX_LIMIT
