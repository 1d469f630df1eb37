"""Redaction: finding what a record must not hold, by the schema's own marks and by the operator's patterns.

The patterns are RE2's: no backreferences, no look-around, and time linear in the text, so none can hang the server.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote

import re2  # type: ignore[import-untyped]  # it has no stubs
from pydantic import JsonValue

from jinba_mcp.domain.errors import Invalid
from jinba_mcp.domain.masking import MASK
from jinba_mcp.domain.records import JsonObject

MAX_PATTERNS = 50
MAX_PATTERN_CHARACTERS = 1_000
_MAX_PATTERN_BYTES = 1 << 20
"""Memory of one compiled pattern; RE2 refuses what would need more."""
_MIN_SECRET_CHARACTERS = 4
"""A shorter secret is not looked for elsewhere: it would be found in every other word."""
_SAME_VALUE = ("allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas")
"""Keywords whose schemas are for the value itself. Which branch holds is not asked: a mark in any of them counts."""


class SecretFields:
    """The fields that a JSON Schema marks with `writeOnly: true` or `format: password`."""

    @classmethod
    def of(cls, schema: JsonObject | None) -> "SecretFields | None":
        """None when nothing is marked, as is usual."""
        return cls(schema) if schema is not None and any(map(_is_marked, _schemas_in(schema))) else None

    def __init__(self, schema: JsonObject) -> None:
        self._root = schema
        self._named = {
            name: each
            for each in _schemas_in(schema)
            for name in (each.get("$id"), *(f"#{each.get(key)}" for key in ("$anchor", "$dynamicAnchor")))
            if isinstance(name, str)
        }

    def redacted(self, value: JsonValue) -> tuple[JsonValue, list[str]]:
        """The value with `***` in the place of each marked one, and the texts and numbers that stood there."""
        found: list[str] = []
        return self._redacted(value, [self._root], found), [
            text for text in found if len(text) >= _MIN_SECRET_CHARACTERS
        ]

    def _redacted(self, value: JsonValue, schemas: list[JsonValue], found: list[str]) -> JsonValue:
        applying = self._expanded(schemas)
        if not applying or value is None:
            return value
        if any(map(_is_marked, applying)):
            found += _texts_in(value)
            return MASK
        if isinstance(value, dict):
            return {name: self._redacted(item, _of_property(applying, name), found) for name, item in value.items()}
        if isinstance(value, list):
            return [self._redacted(item, _of_item(applying, place), found) for place, item in enumerate(value)]
        return value

    def _expanded(self, schemas: list[JsonValue]) -> list[JsonObject]:
        """The schemas and all that they say of the same value by reference and combination, each once."""
        seen: dict[int, JsonObject] = {}
        pending = list(schemas)
        while pending:
            schema = pending.pop()
            if not isinstance(schema, dict) or id(schema) in seen:
                continue
            seen[id(schema)] = schema
            for keyword in _SAME_VALUE:
                pending += _schemas_under(schema.get(keyword))
            pending += [self._resolved(schema[key]) for key in ("$ref", "$dynamicRef") if key in schema]
        return list(seen.values())

    def _resolved(self, reference: JsonValue) -> JsonValue:
        if not isinstance(reference, str):
            return None
        # It is part of a URI, so that letters may be written as `%20` is (RFC 6901, 6).
        reference = unquote(reference)
        if reference in self._named:
            return self._named[reference]
        place: JsonValue = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(place, dict):
                place = place.get(name)
            elif isinstance(place, list) and name.isdecimal() and int(name) < len(place):
                place = place[int(name)]
            else:
                return None
        return place


def pattern_masker(patterns: Sequence[str]) -> Callable[[str], str]:
    """A function that writes `***` over whatever one of the patterns finds in a text.

    Raises:
        Invalid: too many, too long, or not RE2's syntax.
    """
    if len(patterns) > MAX_PATTERNS:
        raise Invalid(f"There are more than {MAX_PATTERNS} patterns to redact by.")
    compiled = [_compiled(pattern) for pattern in patterns]

    def mask(text: str) -> str:
        for pattern in compiled:
            text = pattern.sub(MASK, text)
        return text

    return mask


def masked_texts(value: JsonValue, mask: Callable[[str], str]) -> JsonValue:
    """The value with each text, name and number in it masked; a number that is a secret becomes a text."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(name): masked_texts(item, mask) for name, item in value.items()}
    if isinstance(value, list):
        return [masked_texts(item, mask) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = json.dumps(value)
        masked = mask(text)
        return value if masked == text else masked
    return value


def _compiled(pattern: str) -> Any:
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise Invalid(f"A pattern to redact by is longer than {MAX_PATTERN_CHARACTERS} characters.")
    options = re2.Options()
    options.max_mem = _MAX_PATTERN_BYTES
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise Invalid(
            f"The pattern '{pattern[:100]}' to redact by is not one that RE2 takes: {_said(error)}."
        ) from error
    if compiled.search("") is not None:
        raise Invalid(f"The pattern '{pattern[:100]}' to redact by matches nothing at all, and so everywhere.")
    return compiled


def _said(error: Exception) -> str:
    (said,) = error.args
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _is_marked(schema: JsonObject) -> bool:
    return schema.get("writeOnly") is True or schema.get("format") == "password"


def _schemas_in(value: JsonValue) -> Iterator[JsonObject]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending += item.values()
        elif isinstance(item, list):
            pending += item


def _schemas_under(value: JsonValue) -> list[JsonValue]:
    """The schemas that a keyword holds: one, a list, or (`dependentSchemas`) an object of them."""
    if isinstance(value, list):
        return value
    return [value, *value.values()] if isinstance(value, dict) else []


def _of_property(schemas: list[JsonObject], name: str) -> list[JsonValue]:
    found: list[JsonValue] = []
    for schema in schemas:
        properties, patterns = schema.get("properties"), schema.get("patternProperties")
        others = schema.get("additionalProperties")
        found.append(properties.get(name, others) if isinstance(properties, dict) else others)
        # Whether a pattern fits is not asked either.
        found += patterns.values() if isinstance(patterns, dict) else ()
        found.append(schema.get("unevaluatedProperties"))
    return found


def _of_item(schemas: list[JsonObject], place: int) -> list[JsonValue]:
    found: list[JsonValue] = []
    for schema in schemas:
        first = schema.get("prefixItems")
        is_first = isinstance(first, list) and place < len(first)
        found += [first[place]] if isinstance(first, list) and is_first else [schema.get("items")]
        found += [schema.get("contains"), schema.get("unevaluatedItems")]
    return found


def _texts_in(value: JsonValue) -> Iterator[str]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, list):
            pending += item
        elif item is not None and not isinstance(item, bool):
            yield json.dumps(item)
