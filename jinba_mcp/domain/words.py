"""Words: what full-text search finds runs by. Runs of letters and digits, folded, the same for texts and for queries.

There is no syntax, so nothing in a query can mean more than itself: all of its words must be there, in any order.
"""

import re
import unicodedata
from collections.abc import Iterable

MAX_QUERY_CHARACTERS = 200
MAX_QUERY_WORDS = 8
MAX_WORDS = 64
"""A text counts by so many different words, the first ones."""
MAX_WORD_CHARACTERS = 48
_MAX_TEXT_CHARACTERS = 2_000
_WORD = re.compile(r"[^\W_]+")


def words_of(texts: Iterable[str | None]) -> tuple[str, ...]:
    """The different words of all the texts, in the order in which they first come."""
    found: dict[str, None] = {}
    for text in texts:
        if text is not None:
            for word in _WORD.findall(_folded(text[:_MAX_TEXT_CHARACTERS])):
                if len(found) == MAX_WORDS:
                    return tuple(found)
                found[word[:MAX_WORD_CHARACTERS]] = None
    return tuple(found)


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def words_in_query(query: str) -> tuple[str, ...]:
    """The words to look for.

    Raises:
        ValueError: there are none, or too many.
    """
    words = words_of([query])
    if len(query) > MAX_QUERY_CHARACTERS or not 0 < len(words) <= MAX_QUERY_WORDS:
        raise ValueError(
            f"1 to {MAX_QUERY_WORDS} words of letters or digits, {MAX_QUERY_CHARACTERS} characters at most"
        )
    return words
