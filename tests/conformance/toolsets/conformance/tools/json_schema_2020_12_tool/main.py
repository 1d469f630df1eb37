"""Returns the contact that its schema let in."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Input(BaseModel):
    model_config = ConfigDict(extra="allow")


def run(input: Input) -> dict[str, Any]:  # noqa: A002  the name that the folder format gives it
    return input.model_dump()
