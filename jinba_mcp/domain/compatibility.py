"""Compatibility: what in a new state of a tool breaks those who call it as it was.

Arguments that were taken have to be taken still, and what comes out has to be within what was promised. Both ask the
same of two schemas: where is one narrower than the other? Where that cannot be told keyword by keyword it is said that
it changed: better a warning too many.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from pydantic import JsonValue

from jinba_mcp.domain import json_values
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.tools import Tool

MAX_BREAKING = 100
"""That are told of one tool."""
_MAX_COMPARED = 5_000
_MAX_BRANCHES = 500
_MAX_NESTED = 8
"""Unions directly inside unions; what is deeper is taken for anything."""
_MAX_STEPS = 100
"""Of a pointer: references lead further than the interpreter's stack goes."""
_SHOWN = 5

_TYPES: dict[str, frozenset[str]] = {
    name: frozenset({name}) for name in ("null", "boolean", "integer", "string", "array", "object")
} | {"number": frozenset({"integer", "fraction"})}
_ALL_TYPES = frozenset[str]().union(*_TYPES.values())
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_EXACT = ("multipleOf", "pattern", "format", "uniqueItems")
_OPAQUE = (
    "not", "if", "then", "else", "dependentSchemas", "dependentRequired", "patternProperties", "propertyNames",
    "prefixItems", "contains", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef",
)  # fmt: skip


class Breaking(Record):
    """Something that a caller of `tool` may stumble over; `pointer` leads to it, empty for the tool itself."""

    tool: str
    pointer: str
    kind: Literal[
        "tool_removed", "argument_required", "argument_removed", "type_narrowed", "enum_narrowed", "bound_tightened",
        "arguments_closed", "constraint_changed", "output_removed", "output_optional", "type_widened", "enum_widened",
        "bound_loosened", "output_opened", "schema_removed", "not_compared",
    ]  # fmt: skip
    detail: str


@dataclass(frozen=True)
class _Finding:
    pointer: str
    kind: Literal["required", "removed", "type", "enum", "bound", "closed", "constraint", "not_compared"]
    detail: str


_INPUT = {
    "required": "argument_required", "removed": "argument_removed", "type": "type_narrowed", "enum": "enum_narrowed",
    "bound": "bound_tightened", "closed": "arguments_closed", "constraint": "constraint_changed",
}  # fmt: skip
_OUTPUT = {
    "required": "output_optional", "removed": "output_removed", "type": "type_widened", "enum": "enum_widened",
    "bound": "bound_loosened", "closed": "output_opened", "constraint": "constraint_changed",
}  # fmt: skip


def broken(before: Tool, after: Tool) -> list[Breaking]:
    """What of `after` breaks callers of `before`, at most `MAX_BREAKING`."""
    found = _told(before.slug, "/inputSchema", _INPUT, _Comparison(before.input_schema, after.input_schema))
    if before.output_schema is not None and after.output_schema is None:
        detail = "what comes out is no longer described"
        found.append(Breaking(tool=before.slug, pointer="/outputSchema", kind="schema_removed", detail=detail))
    elif before.output_schema is not None and after.output_schema is not None:
        comparison = _Comparison(after.output_schema, before.output_schema, is_output=True)
        found += _told(before.slug, "/outputSchema", _OUTPUT, comparison)
    return found[:MAX_BREAKING]


def _told(tool: str, root: str, names: dict[str, str], comparison: "_Comparison") -> list[Breaking]:
    found = list(dict.fromkeys(comparison.findings()))[:MAX_BREAKING]
    return [
        Breaking.model_validate(
            {
                "tool": tool,
                "pointer": root + each.pointer,
                "kind": names.get(each.kind, each.kind),
                "detail": each.detail,
            }
        )
        for each in found
    ]


@dataclass
class _Comparison:
    """Where `narrow` refuses what `wide` takes. For output it is the old schema that is the narrow one, a promise."""

    wide: JsonObject
    narrow: JsonObject
    is_output: bool = False
    _seen: set[tuple[int, int]] = field(default_factory=set)
    _flat: dict[tuple[int, int], list[JsonObject]] = field(default_factory=dict)
    _kept: list[JsonValue] = field(default_factory=list)
    """So that no two of them ever have the same id."""

    def findings(self) -> Iterator[_Finding]:
        yield from self._compared("", self.wide, self.narrow)
        if len(self._seen) >= _MAX_COMPARED:
            yield _Finding("", "not_compared", "the schemas are too large to be compared in full")

    def _compared(self, pointer: str, wide: JsonValue, narrow: JsonValue) -> Iterator[_Finding]:
        # Equal text means the same only while what it refers to does.
        if narrow is True or narrow == {} or wide is False or (wide == narrow and not _refers(wide)):
            return
        if pointer.count("/") > _MAX_STEPS:
            yield _Finding(pointer, "not_compared", "the schemas are nested too deep to be compared in full")
            return
        wides = self._alternatives(self.wide, wide)
        narrows = self._alternatives(self.narrow, narrow)
        for one in wides:
            fitting = [other for other in narrows if _types(one) & _types(other)]
            if not fitting:
                yield _Finding(pointer, "type", f"{self._side} {_spelled(_types(one))}")
                continue
            tries = [list(self._alike(pointer, one, other)) for other in fitting]
            best = min(tries, key=len)
            lost = _types(one) - frozenset[str]().union(*map(_types, fitting))
            if lost:
                yield _Finding(pointer, "type", f"{self._side} {_spelled(lost)}")
            if len(fitting) == 1 or best:
                yield from best

    @property
    def _side(self) -> str:
        return "may now be" if self.is_output else "no longer takes"

    def _alternatives(self, root: JsonObject, schema: JsonValue) -> list[JsonObject]:
        """The schema with its references followed, one entry for each branch of `anyOf` and `oneOf`."""
        # The same objects each time, so that a comparison that goes round in a circle is known again.
        place = (id(root), id(schema))
        if place not in self._flat:
            self._flat[place] = list(islice(self._branches(root, schema, 0), _MAX_BRANCHES))
            self._kept.append(schema)
        return self._flat[place]

    def _branches(self, root: JsonObject, schema: JsonValue, depth: int) -> Iterator[JsonObject]:
        merged = self._merged(root, schema, ())
        if merged is None:
            return
        branches = [branch for keyword in ("anyOf", "oneOf") for branch in _listed(merged.get(keyword))]
        rest = {name: value for name, value in merged.items() if name not in ("anyOf", "oneOf")}
        if not branches:
            yield merged
        for branch in branches:
            inner = self._merged(root, branch, ())
            if inner is not None and {"anyOf", "oneOf"} & inner.keys() and depth < _MAX_NESTED:
                yield from ({**rest, **each} for each in self._branches(root, inner, depth + 1))
            elif inner is not None:
                yield {**rest, **inner}

    def _merged(self, root: JsonObject, schema: JsonValue, above: tuple[int, ...]) -> JsonObject | None:
        if schema is False:
            return None
        if not isinstance(schema, dict) or id(schema) in above:
            return {}
        parts: list[JsonValue] = list(_listed(schema.get("allOf")))
        if isinstance(schema.get("$ref"), str):
            parts.append(_referred(root, str(schema["$ref"])))
        if not parts:
            return schema
        merged: JsonObject = {name: value for name, value in schema.items() if name not in ("$ref", "allOf")}
        for part in parts:
            inner = self._merged(root, part, (*above, id(schema)))
            if inner is None:
                return None
            merged = _both(inner, merged)
        return merged

    def _alike(self, pointer: str, wide: JsonObject, narrow: JsonObject) -> Iterator[_Finding]:
        pair = (id(wide), id(narrow))
        if pair in self._seen or len(self._seen) >= _MAX_COMPARED:
            return
        self._seen.add(pair)
        if _types(wide) - _types(narrow):
            yield _Finding(pointer, "type", f"{self._side} {_spelled(_types(wide) - _types(narrow))}")
        yield from self._values(pointer, wide, narrow)
        yield from _bounds(pointer, wide, narrow)
        yield from self._fields(pointer, wide, narrow)
        if "items" in narrow:
            yield from self._compared(f"{pointer}/items", wide.get("items", True), narrow["items"])
        for keyword in _OPAQUE:
            if keyword in narrow and narrow[keyword] != wide.get(keyword):
                yield _Finding(f"{pointer}/{keyword}", "constraint", "it is another, and not compared any further")

    def _values(self, pointer: str, wide: JsonObject, narrow: JsonObject) -> Iterator[_Finding]:
        left, taken = _enumerated(narrow), _enumerated(wide)
        if left is None:
            return
        if taken is None:
            said = "may now be anything" if self.is_output else f"takes only {', '.join(sorted(left)[:_SHOWN])} now"
            yield _Finding(pointer, "enum", said)
        elif taken - left:
            yield _Finding(pointer, "enum", f"{self._side} {', '.join(sorted(taken - left)[:_SHOWN])}")

    def _fields(self, pointer: str, wide: JsonObject, narrow: JsonObject) -> Iterator[_Finding]:
        old, new = _named(wide), _named(narrow)
        needed = set(map(str, _listed(narrow.get("required")))) - set(map(str, _listed(wide.get("required"))))
        # What is gone: an argument of the wide (old) input, a field of the narrow (old) output.
        gone = new.keys() - old.keys() if self.is_output else old.keys() - new.keys()
        for name in sorted(gone):
            yield _Finding(f"{pointer}/properties/{_step(name)}", "removed", f"'{name}' is gone")
        for name in sorted(needed - gone):
            said = "may be missing" if self.is_output else "is required"
            yield _Finding(f"{pointer}/properties/{_step(name)}", "required", f"'{name}' {said} now")
        for name in sorted(old.keys() & new.keys()):
            yield from self._compared(f"{pointer}/properties/{_step(name)}", old[name], new[name])
        rest, allowed = wide.get("additionalProperties", True), narrow.get("additionalProperties", True)
        if allowed is False and rest is not False:
            said = "may have further fields" if self.is_output else "takes no further fields"
            yield _Finding(f"{pointer}/additionalProperties", "closed", f"it {said} now")
        elif isinstance(allowed, dict):
            yield from self._compared(f"{pointer}/additionalProperties", rest, allowed)


def _bounds(pointer: str, wide: JsonObject, narrow: JsonObject) -> Iterator[_Finding]:
    for keyword in (*_LEAST, *_MOST):
        new, old = narrow.get(keyword), wide.get(keyword)
        if not isinstance(new, int | float):
            continue
        if not isinstance(old, int | float) or (new > old if keyword in _LEAST else new < old):
            yield _Finding(f"{pointer}/{keyword}", "bound", f"{_value(old)} and {_value(new)}")
    for keyword in _EXACT:
        if narrow.get(keyword) not in (None, False, wide.get(keyword)):
            yield _Finding(
                f"{pointer}/{keyword}", "bound", f"{_value(wide.get(keyword))} and {_value(narrow[keyword])}"
            )


def _types(schema: JsonObject) -> frozenset[str]:
    found = schema.get("type")
    stated = [found] if isinstance(found, str) else _listed(found)
    types = frozenset[str]().union(*(_TYPES.get(str(name), frozenset()) for name in stated)) if stated else _ALL_TYPES
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list):
        types &= {_type_of(value) for value in values}
    return types


def _type_of(value: JsonValue) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "fraction"
    kinds = {bool: "boolean", int: "integer", str: "string", list: "array"}
    return kinds.get(type(value), "object")


def _spelled(types: frozenset[str]) -> str:
    if "fraction" in types:
        types = types - {"fraction", "integer"} | {"number" if "integer" in types else "a number with a fraction"}
    return " or ".join(sorted(types))


def _enumerated(schema: JsonObject) -> set[str] | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return {_value(value) for value in values} if isinstance(values, list) else None


def _value(value: JsonValue) -> str:
    return "none" if value is None else json_values.canonical(value).decode()[:100]


def _both(one: JsonObject, other: JsonObject) -> JsonObject:
    """What both ask for together, as far as keywords can be laid over each other."""
    merged: JsonObject = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**_named(one), **_named(other)}
    if "required" in one and "required" in other:
        merged["required"] = [*_listed(one["required"]), *_listed(other["required"])]
    return merged


def _referred(root: JsonObject, target: str) -> JsonValue:
    node: JsonValue = root
    for step in target.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        node = node.get(name, True) if isinstance(node, dict) else True
    return node if target.startswith("#") else True


def _refers(schema: JsonValue) -> bool:
    if isinstance(schema, dict):
        return "$ref" in schema or any(map(_refers, schema.values()))
    return isinstance(schema, list) and any(map(_refers, schema))


def _named(schema: JsonObject) -> JsonObject:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _step(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
