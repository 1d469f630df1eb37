"""The base of every record: frozen, no unknown fields, compared by value."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

JsonObject: TypeAlias = dict[str, JsonValue]


class Record(BaseModel):
    """A change of state is a method that returns a new record.

    Validators are built when first used, since every start would wait for those of all records.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def later(default: Any) -> Any:
    """A field that came after the first release: left out while it is `default`, so that digests stay the same."""
    return Field(default=default, exclude_if=lambda value: bool(value == default))


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time before the year 1 or after 9999 in UTC") from error


UtcDateTime = Annotated[datetime, AfterValidator(_utc)]
"""An aware instant, always in UTC."""


def rfc3339(value: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as every face writes times."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
