"""The base of every record: frozen, no unknown fields, compared by value."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

JsonObject: TypeAlias = dict[str, JsonValue]
R = TypeVar("R", bound="Record")


class Record(BaseModel):
    """A change of state is a method that returns a new record.

    Validators are built when first used, since every start would wait for those of all records.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def trusted(cls, values: Mapping[str, Any]) -> Self:
        """A record of values that are known to be right, at an eighth of what it costs to check them.

        They must name all fields that have no default. `model_construct` does the same field by field.
        """
        return _assembled(cls, {**_template(cls), **values})

    def replaced(self, values: Mapping[str, Any]) -> Self:
        """`model_copy` with values that are known to be right, at a quarter of its cost."""
        return _assembled(type(self), {**self.__dict__, **values})


def _assembled(cls: type[R], values: dict[str, Any]) -> R:
    record = cls.__new__(cls)
    object.__setattr__(record, "__dict__", values)
    # All fields count as set. Nothing writes to the set: pydantic copies it before it does.
    object.__setattr__(record, "__pydantic_fields_set__", _fields(cls))
    object.__setattr__(record, "__pydantic_extra__", None)
    object.__setattr__(record, "__pydantic_private__", None)
    return record


@cache
def _template(cls: type[Record]) -> dict[str, Any]:
    """All fields in their order, those that have no default with what pydantic has for nothing."""
    return {name: field.default for name, field in cls.model_fields.items()}


@cache
def _fields(cls: type[Record]) -> set[str]:
    return set(cls.model_fields)


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
