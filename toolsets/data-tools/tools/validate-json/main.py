"""Checks JSON against a JSON Schema, under a limit on work."""

import datetime as dt
import itertools
import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

# Pure Python on purpose: each keyword can be stopped when its time is up. A compiled validator cannot, and a schema of
# a few lines that refers to itself twice on every level would hang its thread for good.
import jsonschema

# For the check of the schema itself, whose own schema nobody else wrote: there speed is safe.
import jsonschema_rs
import pydantic_core

# Linear-time patterns, for the same reason.
import re2  # type: ignore[import-untyped]  # it has no stubs
import referencing
import referencing.exceptions
from jsonschema import exceptions, validators
from pydantic import BaseModel, ConfigDict, Field, JsonValue

_MAX_CHARACTERS = 500_000
_MAX_PATTERN_CHARACTERS = 1_000
_MAX_PATTERN_STEPS = 20_000_000
_MAX_PATTERN_MEMORY_BYTES = 1024 * 1024
_MAX_FAULTS = 50
_MAX_UNEVALUATED = 2_000
_MAX_MESSAGE_CHARACTERS = 600
_MAX_CPU_S = 1.0
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)

Check: TypeAlias = Callable[[Any, Any, Any, Any], Iterable[exceptions.ValidationError] | None]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_: JsonValue = Field(
        alias="schema",
        description="The JSON Schema (draft 2020-12), or its JSON text in a string.",
        examples=[{"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}],
    )
    data: JsonValue = Field(
        description="The JSON value to check, or JSON text of an object or list in a string.",
        examples=[{"name": "Alice"}],
    )


class Fault(BaseModel):
    pointer: str = Field(description="JSON pointer to the place in the data; empty for the whole.")
    message: str = Field(description="What does not fit.")
    keyword: str = Field(description="The keyword of the schema that it breaks, such as required.")
    schema_pointer: str = Field(description="JSON pointer to that keyword in the schema.")


class Output(BaseModel):
    valid: bool = Field(description="Whether the data fits the schema.")
    faults: list[Fault] = Field(description="What does not fit, at most 50.")
    more: bool = Field(description="Whether there are more faults than were listed.")


class _Clock(threading.local):
    """When the call that runs in this thread must end, in processor time of the thread."""

    deadline = math.inf


_clock = _Clock()


def run(input: Input) -> Output:
    schema, data = _parsed(input.schema_, "schema"), _parsed(input.data, "data")
    if not isinstance(schema, dict | bool):
        raise TypeError("'schema' must be a JSON Schema: an object, true or false.")
    schema = _usable(schema)
    _clock.deadline = time.thread_time() + _MAX_CPU_S
    try:
        faults = _faults(schema, data)
        found = list(itertools.islice(faults, _MAX_FAULTS + 1))
    except RecursionError:
        raise ValueError("The schema refers to itself without end, or schema or data are nested too deeply.") from None
    except referencing.exceptions.Unresolvable as error:
        raise ValueError(f"A $ref leads to nothing that is inside the schema: {str(error)[:200]}. Use $defs.") from None
    return Output(valid=not found, faults=found[:_MAX_FAULTS], more=len(found) > _MAX_FAULTS)


def _parsed(value: JsonValue, name: str) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        if len(value) > _MAX_CHARACTERS:
            raise ValueError(f"'{name}' is longer than {_MAX_CHARACTERS} characters.")
        try:
            return pydantic_core.from_json(value, allow_inf_nan=False)
        except ValueError as error:
            raise ValueError(f"'{name}' is a string that is not JSON: {error}. Pass the JSON value itself.") from None
    if len(json.dumps(value)) > _MAX_CHARACTERS:
        raise ValueError(f"'{name}' is longer than {_MAX_CHARACTERS} characters as JSON.")
    return value


def _usable(schema: Any) -> Any:
    """The schema without its `$schema`, because the library goes on with a validator of its own wherever one stands."""
    if isinstance(schema, dict) and "$schema" in schema:
        if str(schema["$schema"]).rstrip("#") != _DIALECT:
            raise ValueError(f"Only draft 2020-12 is known. Remove '$schema' or set it to {_DIALECT}.")
        schema = {name: part for name, part in schema.items() if name != "$schema"}
    try:
        jsonschema_rs.meta.validate(schema)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        where = _pointer(getattr(error, "instance_path", ()))
        raise ValueError(f"Not a valid JSON Schema at '{where}': {str(error).splitlines()[0][:300]}") from None
    names: set[str] = set()
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            names.update(part)
            waiting.extend(part.values())
            if type(part.get("$schema")) is str:
                raise ValueError("'$schema' may stand at the top of the schema only.")
        elif isinstance(part, list):
            waiting.extend(part)
    # The library matches the patterns for unevaluatedProperties itself, with an engine that backtracks.
    if {"unevaluatedProperties", "patternProperties"} <= names:
        raise ValueError("unevaluatedProperties cannot be used with patternProperties here; use additionalProperties.")
    return schema


def _faults(schema: Any, data: Any) -> Iterator[Fault]:
    for error in _Validator(schema, registry=_NOTHING_OUTSIDE, format_checker=_FORMATS).iter_errors(data):
        message = error.message
        nearest = exceptions.best_match(iter([error])) if error.context else None
        if nearest is not None and nearest is not error:
            message = f"{message[:300]}; nearest: {_pointer(nearest.absolute_path)} {nearest.message}"
        yield Fault(
            pointer=_pointer(error.absolute_path),
            message=message if len(message) <= _MAX_MESSAGE_CHARACTERS else f"{message[:_MAX_MESSAGE_CHARACTERS]}…",
            keyword=str(error.validator),
            schema_pointer=_pointer(error.absolute_schema_path),
        )


def _pointer(path: Iterable[Any]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _timed(check: Check) -> Check:
    def timed(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[exceptions.ValidationError]:
        if time.thread_time() > _clock.deadline:
            raise ValueError(
                f"The check needs more than {_MAX_CPU_S:g} s of work. Simplify the schema or split the data."
            )
        yield from check(validator, value, instance, schema) or ()

    return timed


def _matches(pattern: str, text: str) -> bool:
    options = re2.Options()
    options.max_mem = _MAX_PATTERN_MEMORY_BYTES
    options.log_errors = False
    try:
        compiled = re2.compile(pattern[: _MAX_PATTERN_CHARACTERS + 1], options=options)
    except re2.error:
        raise ValueError(
            f"The pattern '{pattern[:100]}' is not a RE2 pattern (no look-around, no backreferences)."
        ) from None
    if len(pattern) > _MAX_PATTERN_CHARACTERS or compiled.programsize * len(text) > _MAX_PATTERN_STEPS:
        raise ValueError(f"The pattern '{pattern[:100]}' is too large for the text it is held against.")
    return compiled.search(text) is not None


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[exceptions.ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield exceptions.ValidationError(f"{instance!r} does not match the pattern {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Any, instance: Any, _schema: Any
) -> Iterator[exceptions.ValidationError]:
    for pattern, subschema in patterns.items() if isinstance(instance, dict) else ():
        for name, value in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, subschema: Any, instance: Any, schema: Any
) -> Iterator[exceptions.ValidationError]:
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items() if isinstance(instance, dict) else ():
        if name in named or any(_matches(pattern, name) for pattern in patterns):
            continue
        if subschema is False:
            yield exceptions.ValidationError(
                f"the property {name!r} is not allowed; known are: {', '.join(named)[:300]}"
            )
        else:
            yield from validator.descend(value, subschema, path=name)


def _small(check: Check) -> Check:
    """The library looks each item up in a list of all: fine for hundreds, minutes for a hundred thousand."""

    def small(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[exceptions.ValidationError]:
        if isinstance(instance, dict | list) and len(instance) > _MAX_UNEVALUATED:
            raise ValueError(f"unevaluatedProperties and unevaluatedItems look at {_MAX_UNEVALUATED} items at most.")
        yield from check(validator, value, instance, schema) or ()

    return small


def _unique_items(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[exceptions.ValidationError]:
    first_at: dict[str, int] = {}
    for index, item in enumerate(instance if wanted and isinstance(instance, list) else ()):
        earlier = first_at.setdefault(json.dumps(_comparable(item), sort_keys=True), index)
        if earlier != index:
            yield exceptions.ValidationError(f"items {earlier} and {index} are equal")
            return


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _comparable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_date_time(value: object) -> bool:
    if isinstance(value, str):
        if not _DATE_TIME.fullmatch(value):
            raise ValueError("not RFC 3339")
        dt.datetime.fromisoformat(value.upper())
    return True


_KEYWORDS = jsonschema.Draft202012Validator.VALIDATORS
_NOTHING_OUTSIDE: referencing.Registry[Any] = referencing.Registry()

_FORMATS = jsonschema.FormatChecker(formats=("date", "email", "uuid", "ipv4", "ipv6"))
_FORMATS.checks("date-time", raises=ValueError)(_is_date_time)

_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]  # the stubs leave it open
    jsonschema.Draft202012Validator,
    validators={
        name: _timed(check)
        for name, check in {
            **_KEYWORDS,
            "pattern": _pattern,
            "patternProperties": _pattern_properties,
            "additionalProperties": _additional_properties,
            "uniqueItems": _unique_items,
            **{name: _small(_KEYWORDS[name]) for name in ("unevaluatedProperties", "unevaluatedItems")},
        }.items()
    },
)
