"""JSON text in and out: one strict reader, one strict writer, one canonical form."""

import hashlib
import json
import math

import pydantic_core
from pydantic import JsonValue

from jinba_mcp.domain.errors import MalformedBody

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
"""Made once: `json.dumps` makes one for each call that asks for anything but its defaults."""


def parse(raw: bytes | str) -> JsonValue:
    """Read JSON as RFC 8259 has it: UTF-8, no NaN, no number beyond a double, nesting of at most about 200.

    Raises:
        MalformedBody: with what is wrong and where.
    """
    try:
        value: JsonValue = pydantic_core.from_json(raw.encode() if isinstance(raw, str) else raw, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedBody(f"The body is not JSON: {error}.") from error
    # The reader refuses the word Infinity but makes one of 1e999, which nothing could write again.
    if b"Infinity" in pydantic_core.to_json(value, inf_nan_mode="constants") and _holds_infinity(value):
        raise MalformedBody("The body holds a number that is out of range. Send it as a string, or a smaller one.")
    return value


def dump(value: object) -> str:
    """Compact JSON text that every JSON reader and every database takes.

    Raises:
        ValueError: NaN or infinity, a lone surrogate, nesting too deep, or a value that JSON does not have.
    """
    try:
        text = _ENCODER.encode(value)
        text.encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return text


def written(value: JsonValue) -> bytes:
    """`dump` as UTF-8, of a value that has no types but those of JSON: several times as fast.

    Raises:
        ValueError: NaN or infinity, a lone surrogate, or nesting too deep.
    """
    raw = pydantic_core.to_json(value, inf_nan_mode="constants")
    # The words may stand in a text just as well, which the slower writer tells apart.
    return dump(value).encode() if b"NaN" in raw or b"Infinity" in raw else raw


def _holds_infinity(value: JsonValue) -> bool:
    if isinstance(value, float):
        return math.isinf(value)
    if isinstance(value, dict):
        return any(map(_holds_infinity, value.values()))
    return isinstance(value, list) and any(map(_holds_infinity, value))


def holds_nul(value: JsonValue) -> bool:
    """Whether a NUL character stands anywhere in it, which neither YAML nor PostgreSQL has."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(holds_nul, value))


def digest(value: JsonValue) -> str:
    """SHA-256 over the canonical form, as `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(canonical(value)).hexdigest()}"


def canonical(value: JsonValue) -> bytes:
    """The same bytes for equal values, whatever the order of their keys; what digests are taken over."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()
