"""Greets someone by name."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_GREETINGS = {
    "en": "Hello, {}!",
    "de": "Hallo, {}!",
    "es": "¡Hola, {}!",
    "fr": "Bonjour, {} !",
    "ja": "こんにちは、{}さん!",
}


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=100, description="Whom to greet.", examples=["Alice"])
    language: Literal["en", "de", "es", "fr", "ja"] = Field(default="en", description="The language to greet in.")


class Output(BaseModel):
    message: str = Field(description="The greeting.", examples=["Hello, Alice!"])


def run(input: Input) -> Output:
    return Output(message=_GREETINGS[input.language].format(input.name))
