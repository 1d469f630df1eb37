"""Words: what texts are cut into, and what a query may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinba_mcp.domain.words import MAX_QUERY_WORDS, MAX_WORD_CHARACTERS, MAX_WORDS, words_in_query, words_of


def test_texts_are_cut_at_whatever_is_no_letter_and_no_digit() -> None:
    texts = ["greeting-tools", "read_file", None, "jtb_abcd", "httpx/0.27", "ValueError: no luck"]
    words = ["greeting", "tools", "read", "file", "jtb", "abcd", "httpx", "0", "27", "valueerror", "no", "luck"]
    assert words_of(texts) == tuple(words)


def test_a_word_is_the_same_however_it_is_written() -> None:
    assert words_of(["STRASSE Straße ﬁle FILE"]) == ("strasse", "file")


def test_a_text_has_so_many_words_of_such_a_length() -> None:
    words = words_of([" ".join(f"w{number}" for number in range(500))])
    assert (len(words), words[-1]) == (MAX_WORDS, f"w{MAX_WORDS - 1}")
    assert words_of(["x" * 1_000]) == ("x" * MAX_WORD_CHARACTERS,)


@pytest.mark.parametrize("query", ["", " ", "-- ;", "a " * 201, " ".join("abcdefghijklmnop"[: MAX_QUERY_WORDS + 1])])
def test_a_query_without_words_or_with_too_many_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="words"):
        words_in_query(query)


@given(st.text(max_size=300))
def test_any_text_is_found_by_its_own_words(text: str) -> None:
    words = words_of([text])
    for word in words[:MAX_QUERY_WORDS]:
        assert set(words_in_query(word)) <= set(words)
