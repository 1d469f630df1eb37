"""Passwords: how long they are, which are too easy to guess, and the record of a stored one.

Length does most of the work (NIST SP 800-63B, 5.1.1): no classes of characters are asked for. What is refused is what
a guesser tries first although it is long: one's own name, one word with decoration, repetitions, sequences.
"""

import unicodedata
from datetime import timedelta
from typing import Annotated

from pydantic import StringConstraints

from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.records import Record, UtcDateTime

MIN_LENGTH = 12
MAX_LENGTH = 1_000
RESET_LIFETIME = timedelta(hours=1)
_MIN_DISTINCT = 5
_LONGEST_UNIT = 4
_MIN_OWN_NAME_LENGTH = 3
_MIN_BESIDE_WORDS = 8
_MIN_BESIDE_SEQUENCES = 6

PasswordText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH)]
"""A password as it is typed; `fault` says whether it may be a new one."""

_WORDS = (
    "administrator", "baseball", "changeme", "default", "dragon", "football", "iloveyou", "jinba", "letmein", "login",
    "master", "monkey", "password", "passphrase", "passwort", "princess", "secret", "sunshine", "superman", "trustno",
    "welcome", "whatever",
)  # fmt: skip
_LINES = ("abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm")
_LEET = str.maketrans("013457@$!", "oleastasi")


class StoredPassword(Record):
    """The hash of a password, with what it was made with."""

    user_id: UserId
    hash: str
    changed_at: UtcDateTime


def normalized(password: str) -> str:
    """The one form of all ways to type the same characters (NFKC, as NIST SP 800-63B has it)."""
    return unicodedata.normalize("NFKC", password)


def fault(password: str, *own: str) -> str | None:
    """Why this cannot be a new password of someone whose name and address are `own`; None if it can."""
    text = normalized(password)
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        return f"from {MIN_LENGTH} to {MAX_LENGTH} characters"
    plain = text.casefold()
    if len(set(plain)) < _MIN_DISTINCT or _is_repeated(plain):
        return "too repetitive to be hard to guess"
    if _is_decorated(plain, {part for name in own for part in _parts(name)}):
        return "too close to your name or address"
    if _is_decorated(plain.translate(_LEET), set(_WORDS)):
        return "one common word with decoration is among the first guesses"
    if len(_without_sequences(plain)) < _MIN_BESIDE_SEQUENCES:
        return "a sequence of letters, digits or keys is among the first guesses"
    return None


def _parts(name: str) -> set[str]:
    folded = name.casefold()
    local = folded.partition("@")[0]
    words = {folded, local, *folded.split(), *local.replace("-", ".").replace("_", ".").split(".")}
    return {word for word in words if len(word) >= _MIN_OWN_NAME_LENGTH}


def _is_repeated(text: str) -> bool:
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, _LONGEST_UNIT + 1))


def _is_decorated(text: str, words: set[str]) -> bool:
    """Whether little is left once the words are taken out."""
    rest = text
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != text and len(rest) < _MIN_BESIDE_WORDS


def _without_sequences(text: str) -> str:
    """What is left when runs of four or more along the alphabet, the digits or a row of keys are taken out."""
    rest, at = "", 0
    while at < len(text):
        length = max(_run_length(text, at, line) for each in _LINES for line in (each, each[::-1]))
        if length < _LONGEST_UNIT:
            rest += text[at]
        at += length if length >= _LONGEST_UNIT else 1
    return rest


def _run_length(text: str, at: int, line: str) -> int:
    length = 0
    while at + length < len(text) and text[at : at + length + 1] in line:
        length += 1
    return length
