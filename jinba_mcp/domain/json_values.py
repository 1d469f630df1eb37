"""JSON text in and out: one strict reader, one strict writer, one canonical form."""

import hashlib
import json
import math

import pydantic_core
from pydantic import JsonValue

from jinba_mcp.domain.errors import MalformedBody


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
    if _holds_infinity(value):
        raise MalformedBody("The body holds a number that is out of range. Send it as a string, or a smaller one.")
    return value


def dump(value: object) -> str:
    """Compact JSON text that every JSON reader and every database takes.

    Raises:
        ValueError: NaN or infinity, a lone surrogate, nesting too deep, or a value that JSON does not have.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return text


def _holds_infinity(value: JsonValue) -> bool:
    if isinstance(value, float):
        return math.isinf(value)
    if isinstance(value, dict):
        return any(map(_holds_infinity, value.values()))
    return isinstance(value, list) and any(map(_holds_infinity, value))


def digest(value: JsonValue) -> str:
    """SHA-256 over the canonical form, as `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(canonical(value)).hexdigest()}"


def canonical(value: JsonValue) -> bytes:
    """The same bytes for equal values, whatever the order of their keys; what digests are taken over."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()
