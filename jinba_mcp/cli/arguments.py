"""The arguments of a tool as they are typed: one JSON object, or words of the form KEY=VALUE."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from pydantic import JsonValue

from jinba_mcp.cli.output import Misused
from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import MalformedBody
from jinba_mcp.domain.records import JsonObject


def read(text: str | None, file: Path | None, limit_bytes: int) -> JsonObject | None:
    """The JSON object in `text`, in `file` or (for `-`) in standard input; None when neither is given.

    Raises:
        Misused: both are given, the file cannot be read, it is no JSON object, or it is over the limit.
    """
    if text is not None and file is not None:
        raise Misused("Give --input or --input-file, not both.")
    if text == "-":
        return _object("standard input", _bounded(sys.stdin.buffer, limit_bytes))
    if text is not None:
        return _object("--input", text.encode(errors="surrogateescape"))
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            return _object(str(file), _bounded(opened, limit_bytes))
    except OSError as error:
        raise Misused(f"--input-file: {file} cannot be read: {error.strerror}.") from error


def from_pairs(pairs: Sequence[str], schema: JsonObject) -> JsonObject:
    """Arguments out of KEY=VALUE words: text where the schema wants text, otherwise JSON that fits, if it is some.

    Raises:
        Misused: a word without `=`, or a key twice.
    """
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    given: JsonObject = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not sign or not key:
            raise Misused(f"'{pair}' is not of the form KEY=VALUE.")
        if key in given:
            raise Misused(f"'{key}' is given twice.")
        given[key] = _value(text, known.get(key))
    return given


def _value(text: str, schema: JsonValue) -> JsonValue:
    types = _types(schema)
    if types == {"string"}:
        return text
    try:
        value = json_values.parse(text)
    except MalformedBody:
        return text
    # As with an optional text, which 12345 may be, but as no number.
    return text if "string" in types and not types & _TYPES[type(value)] else value


_TYPES = {
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"integer", "number"},
    str: {"string"},
    list: {"array"},
    dict: {"object"},
    type(None): {"null"},
}


def _types(schema: JsonValue) -> set[str]:
    """The types that a schema takes, as far as it says; none if it does not say, or not of each alternative."""
    if not isinstance(schema, dict):
        return set()
    named, ways = schema.get("type"), schema.get("anyOf", schema.get("oneOf"))
    if isinstance(ways, list):
        each = [_types(way) for way in ways]
        return set().union(*each) if all(each) else set()
    return {named} if isinstance(named, str) else {str(name) for name in named} if isinstance(named, list) else set()


def _object(where: str, raw: bytes) -> JsonObject:
    try:
        value = json_values.parse(raw)
    except MalformedBody as error:
        raise Misused(f"{where} is not JSON: {error.message.partition(': ')[2] or error.message}") from error
    if not isinstance(value, dict):
        raise Misused(f'{where} is JSON, but no object such as {{"name": "Alice"}}.')
    return value


def _bounded(stream: BinaryIO, limit_bytes: int) -> bytes:
    raw = stream.read(limit_bytes + 1)
    if len(raw) > limit_bytes:
        raise Misused(f"The input is over {limit_bytes} bytes. JINBA_MAX_BODY_BYTES is the limit.")
    return raw
