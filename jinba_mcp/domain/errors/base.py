"""The root of the tree."""

from typing import ClassVar

from pydantic import JsonValue

_SHOWN_NAME_LENGTH = 80


class JinbaError(Exception):
    """Root of the tree: `message` for the caller, `details` as data beside it."""

    code: ClassVar[str]

    def __init__(self, message: str, **details: JsonValue) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


def cut(name: str) -> str:
    """A name from a request, short enough to repeat."""
    return name if len(name) <= _SHOWN_NAME_LENGTH else name[: _SHOWN_NAME_LENGTH - 1] + "…"
