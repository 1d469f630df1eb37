"""Lists come as pages: at most `MAX_LIMIT` items and an opaque cursor to what follows."""

import base64
import binascii
from typing import Generic, TypeVar

from jinba_mcp.domain.errors import CursorInvalid
from jinba_mcp.domain.records import Record

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

T = TypeVar("T")


class Page(Record, Generic[T]):
    """`next_cursor` is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class PageRequest(Record):
    """Where to start (`after`, the last key of the page before) and how many to give."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None


def encode_cursor(last_key: str) -> str:
    return base64.urlsafe_b64encode(last_key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The key that `encode_cursor` was given.

    Raises:
        CursorInvalid: this was never a cursor of ours.
    """
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise CursorInvalid from error
