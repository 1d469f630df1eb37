"""Estimates reading time and difficulty (LIX) of a text."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_GAP = re.compile("[\\s\u2013\u2014…/\\\\|]+")
_IDEOGRAPH = re.compile("([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
_SENTENCE_END = re.compile("(?<=[.!?…:])[\"'”’)\\]»]*\\s+|(?<=[。！？])|\\n\\s*\\n")  # noqa: RUF001  full-width marks
_LONG_WORD_LETTERS = 6
_LEVELS = ((30, "very easy"), (40, "easy"), (50, "medium"), (60, "difficult"))

Level = Literal["none", "very easy", "easy", "medium", "difficult", "very difficult"]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=200_000, description="The text to judge.", examples=["The cat sat on the mat."])
    silent_words_per_minute: int = Field(
        default=238,
        ge=50,
        le=1000,
        description="Silent reading speed; adults read about 238 words of English a minute.",
    )
    aloud_words_per_minute: int = Field(
        default=150, ge=50, le=400, description="Speaking speed; talks are given at 130 to 160 words a minute."
    )


class Output(BaseModel):
    words: int = Field(description="Words; each Chinese or Japanese character counts as one.")
    sentences: int = Field(description="Sentences as their punctuation tells; a paragraph ends one too.")
    silent_minutes: float = Field(description="Minutes to read silently, to two decimals.")
    aloud_minutes: float = Field(description="Minutes to read aloud, to two decimals.")
    average_sentence_words: float = Field(description="Words in a sentence, on average.")
    average_word_letters: float = Field(description="Letters and digits in a word, on average.")
    long_words_percent: float = Field(description="Share of words with more than six letters.")
    lix: float = Field(description="LIX: average sentence length plus percentage of long words. About 20 to 70.")
    level: Level = Field(description="What the LIX means for an adult reader; none for a text without words.")


def run(input: Input) -> Output:
    pieces = _GAP.split(_IDEOGRAPH.sub(r" \1 ", input.text))
    lengths = [length for piece in pieces if (length := sum(c.isalnum() for c in piece))]
    sentences = sum(any(c.isalnum() for c in part) for part in _SENTENCE_END.split(input.text))
    words = len(lengths)
    sentence_words = words / max(sentences, 1)
    long_percent = 100 * sum(length > _LONG_WORD_LETTERS for length in lengths) / max(words, 1)
    lix = sentence_words + long_percent
    return Output(
        words=words,
        sentences=sentences,
        silent_minutes=round(words / input.silent_words_per_minute, 2),
        aloud_minutes=round(words / input.aloud_words_per_minute, 2),
        average_sentence_words=round(sentence_words, 1),
        average_word_letters=round(sum(lengths) / max(words, 1), 1),
        long_words_percent=round(long_percent, 1),
        lix=round(lix, 1),
        level=_level(lix) if words else "none",
    )


def _level(lix: float) -> Level:
    for limit, level in _LEVELS:
        if lix < limit:
            return level  # type: ignore[return-value]  # each text in the table is a Level
    return "very difficult"
