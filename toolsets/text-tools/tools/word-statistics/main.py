"""Counts the parts of a text exactly and lists its most frequent words."""

import collections
import itertools
import re
import string

from pydantic import BaseModel, ConfigDict, Field

_GAP = re.compile("[\\s\u2013\u2014…/\\\\|]+")
_IDEOGRAPH = re.compile("([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
_SENTENCE_END = re.compile("(?<=[.!?…])[\"'”’)\\]»]*\\s+|(?<=[。！？])")  # noqa: RUF001  full-width marks end sentences
_EDGES = string.punctuation + "“”‘’„‚«»‹›¡¿、，。！？：；「」『』（）·•"  # noqa: RUF001  full-width marks on purpose


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=200_000, description="The text to count.", examples=["To be, or not to be."])
    top: int = Field(default=10, ge=0, le=100, description="How many of the most frequent words to list; 0 for none.")
    min_word_length: int = Field(
        default=1, ge=1, le=50, description="Leave shorter words out of the list of frequent words; 4 skips 'the'."
    )


class WordCount(BaseModel):
    word: str = Field(description="The word without regard to letter case.")
    count: int = Field(description="How often it occurs.")


class Output(BaseModel):
    characters: int = Field(description="Unicode characters (code points), white space included.")
    characters_without_spaces: int = Field(description="Characters that are not white space.")
    bytes_utf8: int = Field(description="Size in bytes as UTF-8.")
    words: int = Field(description="Words; each Chinese or Japanese character counts as one.")
    unique_words: int = Field(description="Different words without regard to letter case.")
    lines: int = Field(description="Lines; 0 for an empty text.")
    sentences: int = Field(description="Sentences as their punctuation tells.")
    paragraphs: int = Field(description="Blocks of lines between blank lines.")
    top_words: list[WordCount] = Field(description="Most frequent first; equally frequent ones in the order found.")


def run(input: Input) -> Output:
    text = input.text
    words = _words(text)
    counts = collections.Counter(word.casefold() for word in words)
    listed = collections.Counter({word: n for word, n in counts.items() if len(word) >= input.min_word_length})
    lines = text.splitlines()
    return Output(
        characters=len(text),
        characters_without_spaces=sum(not character.isspace() for character in text),
        bytes_utf8=len(text.encode(errors="replace")),
        words=len(words),
        unique_words=len(counts),
        lines=len(lines),
        sentences=sum(_has_letters(part) for part in _SENTENCE_END.split(text)),
        paragraphs=sum(1 for filled, _ in itertools.groupby(bool(line.strip()) for line in lines) if filled),
        top_words=[WordCount(word=word, count=count) for word, count in listed.most_common(input.top)],
    )


def _words(text: str) -> list[str]:
    pieces = _GAP.split(_IDEOGRAPH.sub(r" \1 ", text))
    return [piece.strip(_EDGES) for piece in pieces if _has_letters(piece)]


def _has_letters(piece: str) -> bool:
    return any(character.isalnum() for character in piece)
