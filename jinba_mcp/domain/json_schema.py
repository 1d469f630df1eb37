"""JSON Schema 2020-12: the only door to the validator.

Patterns run in linear time. A schema that doubles its own references level by level still takes for ever, and one full
of patterns takes gigabytes when it is compiled: `schema_weights.check` refuses both before anything compiles them.
"""

from itertools import islice
from typing import NoReturn

import jsonschema_rs
from pydantic import JsonValue

from jinba_mcp.domain.errors import SchemaInvalid
from jinba_mcp.domain.masking import MASK
from jinba_mcp.domain.records import JsonObject

MAX_FAULTS = 20
_MATCHING_BYTES = 64 * 1024
"""What a pattern remembers of what it was matched with; 2 MB for each of hundreds, if nothing is said."""
_MAX_DETAIL = 300
_SMALL_ITEMS = 1_000
_CHARACTERS_AN_ITEM = 100


class Validator:
    """A schema compiled once; safe to share between threads."""

    def __init__(self, schema: JsonObject, *, hides_values: bool = False, max_pattern_bytes: int | None = None) -> None:
        """Compile `schema`; with `hides_values` faults are told without what was found where they are.

        `max_pattern_bytes` bounds what each of its patterns may take in memory (at most 10 MB).

        Raises:
            SchemaInvalid: it is not a usable JSON Schema 2020-12, or it refers to anything outside itself.
        """
        try:
            self._compiled = jsonschema_rs.Draft202012Validator(
                schema,
                validate_formats=True,
                pattern_options=jsonschema_rs.RegexOptions(
                    size_limit=max_pattern_bytes, dfa_size_limit=_MATCHING_BYTES
                ),
                retriever=_refuse_reference,
                mask=MASK if hides_values else None,
            )
        except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise SchemaInvalid(
                f"Not a usable JSON Schema 2020-12: {str(error).splitlines()[0][:_MAX_DETAIL]}"
            ) from error

    def faults(self, value: JsonValue) -> list[JsonObject]:
        """What does not fit, as JSON pointer and sentence each; empty when all fits, at most `MAX_FAULTS`.

        Of a very large value only the first fault is told.
        """
        try:
            self._compiled.validate(value)
        except jsonschema_rs.ValidationError as first:
            if not _is_small(value):
                return [_described(first)]
            return [_described(error) for error in islice(self._compiled.iter_errors(value), MAX_FAULTS)]
        return []


def _described(error: jsonschema_rs.ValidationError) -> JsonObject:
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in error.instance_path)
    return {"pointer": pointer, "detail": error.message[:_MAX_DETAIL]}


def _is_small(value: JsonValue) -> bool:
    # The validator finds all faults before it gives out the first: seconds, for an array of a million wrong items.
    left = _SMALL_ITEMS
    pending = [value]
    while pending and left >= 0:
        item = pending.pop()
        left -= 1
        if isinstance(item, str):
            left -= len(item) // _CHARACTERS_AN_ITEM
        elif isinstance(item, dict):
            left -= sum(map(len, item)) // _CHARACTERS_AN_ITEM
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return left >= 0


def _refuse_reference(uri: str) -> NoReturn:
    raise ValueError(f"it refers to '{uri}', and nothing outside the schema is ever fetched")
