"""What all wire schemas share: camelCase, times in RFC 3339, closed inputs, lists in pages."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from jinba_mcp.domain import pages
from jinba_mcp.domain.errors import CursorInvalid
from jinba_mcp.domain.pages import DEFAULT_LIMIT, MAX_LIMIT, Page, PageRequest
from jinba_mcp.domain.records import JsonObject, rfc3339
from jinba_mcp.faces.rest.validation import validated

T = TypeVar("T")
R = TypeVar("R")

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_MAX_KEY_LENGTH = 200


def _instant(value: object) -> datetime:
    if not isinstance(value, str) or _RFC3339.fullmatch(value) is None:
        raise ValueError("a time in RFC 3339 with a zone, such as 2026-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time within the years 1 to 9999") from error


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class WithoutNul:
    """Text that no NUL is in: PostgreSQL has none, so none is let through anywhere, and the document says so."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"pattern": r"^[^\x00]*$", **handler(schema)}

    @staticmethod
    def _check(value: str) -> str:
        if "\x00" in value:
            raise ValueError("it holds a NUL character")
        return value


_InstantText = Annotated[str, Field(json_schema_extra={"format": "date-time"})]

InstantIn = Annotated[datetime, BeforeValidator(_instant, json_schema_input_type=_InstantText)]
"""Stricter than pydantic, which also takes numbers and times without a zone."""

Instant = Annotated[datetime, PlainSerializer(rfc3339, return_type=_InstantText)]
"""In UTC with milliseconds."""

WHOLE = BeforeValidator(_whole)
"""Beside a strict integer: it may be written 5.0, which is an integer to JSON Schema (2020-12, 4.2.3)."""

Text = Annotated[str, Field(max_length=200), WithoutNul()]
"""A name to look for."""


class Out(BaseModel):
    """An answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, defer_build=True)


class In(BaseModel):
    """A request's body or query: read by wire names only, and closed."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def read(cls, value: JsonObject) -> Self:
        """The body as this model.

        Raises:
            FieldsInvalid: one entry per fault.
        """
        return validated(cls, value)


def _without_defaults(schema: JsonSchemaValue) -> None:
    for described in schema["properties"].values():
        described.pop("default", None)


class PatchIn(In):
    """What to change: what is not given stays as it is, so the document has no defaults that a client might send."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class NoQuery(In):
    """No parameter is known."""


class AnyQuery(In):
    """Parameters are not looked at, as with probes that add their own."""

    model_config = ConfigDict(extra="ignore")


Cursor = Annotated[str, Field(max_length=1_000, description="`nextCursor` of the page before."), WithoutNul()]


class PageQuery(In):
    """Where in a list to start, and how much to give."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="At most so many items.")] = DEFAULT_LIMIT
    cursor: (
        Annotated[str, Field(max_length=1_000, description="`nextCursor` of the page before."), WithoutNul()] | None
    ) = None

    def request(self) -> PageRequest:
        """What the core takes.

        Raises:
            CursorInvalid: no list here gave out this cursor.
        """
        after = None if self.cursor is None else pages.decode_cursor(self.cursor)
        if after is not None and not (0 < len(after) <= _MAX_KEY_LENGTH and after.isprintable()):
            raise CursorInvalid
        return PageRequest(limit=self.limit, after=after)


class PageOut(Out, Generic[T]):
    """One page of a list; `nextCursor` is null on the last."""

    data: list[T]
    next_cursor: str | None


P = TypeVar("P", bound=PageOut[Any])


def page_out(model: type[P], page: Page[R], item_out: Callable[[R], Out]) -> P:
    """A page of records as a page of their wire forms."""
    following = None if page.next_cursor is None else pages.encode_cursor(page.next_cursor)
    return model(data=[item_out(item) for item in page.items], next_cursor=following)
