"""Turns a title into a slug for URLs and file names."""

import re
from typing import Literal

import slugify  # transliterates every script of Unicode; a regular expression over ASCII would drop whole names
from pydantic import BaseModel, ConfigDict, Field


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=10_000, description="The title or name.", examples=["Über Größe & Maß!"])
    separator: Literal["-", "_", "."] = Field(default="-", description="What stands between the words.")
    max_length: int = Field(
        default=0, ge=0, le=500, description="Greatest length, cut after a whole word if one fits; 0 for no limit."
    )
    lowercase: bool = Field(default=True, description="Make everything lower case.")
    keep_unicode: bool = Field(
        default=False, description="Keep letters such as ü and 東 instead of writing them in ASCII."
    )


class Output(BaseModel):
    slug: str = Field(description="The slug: letters, digits and separators.")
    truncated: bool = Field(description="Whether max_length cut something off.")


def run(input: Input) -> Output:
    whole = _slug(input, 0)
    if not whole:
        raise ValueError("Nothing is left of the text: it has no letters or digits. Give a text that has some.")
    slug = _slug(input, input.max_length)
    return Output(slug=slug, truncated=slug != whole)


def _slug(wanted: Input, max_length: int) -> str:
    # The library decodes '&#1234567890;' as a character reference and may fail on it; a title means what it shows.
    plain = re.sub(r"&#", "# ", wanted.text)
    return slugify.slugify(
        plain,
        entities=False,
        decimal=False,
        hexadecimal=False,
        max_length=max_length,
        word_boundary=True,
        separator=wanted.separator,
        lowercase=wanted.lowercase,
        allow_unicode=wanted.keep_unicode,
        replacements=[("ß", "ss"), ("ẞ", "SS"), ("'", ""), ("\u2019", "")],
    )
