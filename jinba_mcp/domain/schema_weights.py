"""Schema weights: how often a schema looks at one and the same place of a value, which strangers could make endless.

A validator that collects faults follows every way that leads to a place. Two references to one definition double the
ways, twenty levels of that make a million, and so does a definition that is recursive along two ways. What is counted
here is the most ways to any place, over all values of a depth that can be read at all.
"""

from collections import Counter
from collections.abc import Container, Iterator
from urllib.parse import unquote

from pydantic import JsonValue

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import SchemaInvalid
from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.domain.records import JsonObject

MAX_WEIGHT = 1_000
"""Ways to one place."""
MAX_SUBSCHEMAS = 5_000
MAX_BYTES = 64 * 1024
MAX_DEPTH = 48
MAX_PATTERN_BYTES = 32 * 1024 * 1024
"""Of all patterns together when compiled: ten characters can ask for ten megabytes (`\\pL{200}`)."""

_MAX_DIGITS = 5
"""Of an index in a JSON Pointer: no list within `MAX_BYTES` is longer."""
_FEW_PATTERNS = 3
"""Each of so many may be as large as the validator takes any."""
_VALUE_DEPTH = 200
"""As deep as JSON is read (`json_values.parse`)."""
_DIALECT = "https://json-schema.org/draft/2020-12/"

# Keywords that apply a schema to the same place, and those that go on to a place inside.
_SAME_ONE = ("not", "if", "then", "else")
_SAME_LIST = ("allOf", "anyOf", "oneOf")
_ANY_ITEM = ("items", "contains", "unevaluatedItems")
_ANY_NAME = ("unevaluatedProperties", "propertyNames")


def check(schema: JsonObject) -> None:
    """Refuse a schema that is not usable, or that a small value could keep the validator busy with.

    Raises:
        SchemaInvalid: not JSON Schema 2020-12, too large, too deep, or too heavy, its patterns among it.
    """
    if len(json_values.canonical(schema)) > MAX_BYTES:
        raise SchemaInvalid(f"A schema has at most {MAX_BYTES // 1024} KB of JSON.")
    if _depth(schema) > MAX_DEPTH:
        raise SchemaInvalid(f"A schema is nested at most {MAX_DEPTH} deep.")
    if json_values.holds_nul(schema):
        raise SchemaInvalid("A schema holds no NUL characters.")
    _Weights(schema).check()
    _check_patterns(schema)


def _check_patterns(schema: JsonObject) -> None:
    """Compile the schema with an equal share of the memory for each pattern, since none says how much it takes."""
    share = MAX_PATTERN_BYTES // max(len(_patterns(schema)), _FEW_PATTERNS)
    try:
        Validator(schema, max_pattern_bytes=share)
    except SchemaInvalid as error:
        if not error.message.endswith('is not a "regex"'):
            raise
        why = f"or takes more than {share // 1024} KB of memory, its share of what a schema's patterns may take"
        raise SchemaInvalid(f"{error.message}, {why}.") from error


class _Weights:
    """The graph of a schema: which subschemas look at the same place (`_same`), and which at places inside."""

    def __init__(self, schema: JsonObject) -> None:
        self._root = schema
        self._anchors = {name: node for node in _objects(schema) for name in _anchors(node)}
        self._nodes: dict[int, JsonObject] = {}
        self._same: dict[int, Counter[int]] = {}
        self._inside: dict[int, list[Counter[int]]] = {}

    def check(self) -> None:
        pending = [self._added(self._root)]
        while pending:
            node = pending.pop()
            if node not in self._inside:
                self._inside[node] = self._places(self._closure(node, ()))
                pending += [inner for place in self._inside[node] for inner in place]
        weights = {node: self._same[node].total() for node in self._inside}
        for _ in range(_VALUE_DEPTH):
            heavier = {
                node: max(
                    [weights[node], *(sum(ways * weights[inner] for inner, ways in place.items()) for place in places)]
                )
                for node, places in self._inside.items()
            }
            if max(heavier.values()) > MAX_WEIGHT:
                raise _too_heavy()
            if heavier == weights:
                return
            weights = heavier

    def _added(self, node: JsonObject) -> int:
        if node is not self._root and isinstance(node.get("$id"), str):
            raise SchemaInvalid("A schema inside a schema has no '$id' of its own here.")
        self._nodes[id(node)] = node
        if len(self._nodes) > MAX_SUBSCHEMAS:
            raise SchemaInvalid(f"A schema has at most {MAX_SUBSCHEMAS} schemas inside.")
        return id(node)

    def _closure(self, node: int, above: tuple[int, ...]) -> Counter[int]:
        """All that looks at the same place when `node` does, and by how many ways."""
        if node in above or len(above) > MAX_WEIGHT // 4:
            raise SchemaInvalid("A '$ref' leads back to where it stands, which no value ends.")
        if node not in self._same:
            found = Counter({node: 1})
            for inner in self._at_same_place(self._nodes[node]):
                found.update(self._closure(self._added(inner), (*above, node)))
                if found.total() > MAX_WEIGHT:
                    raise _too_heavy()
            self._same[node] = found
        return self._same[node]

    def _at_same_place(self, node: JsonObject) -> Iterator[JsonObject]:
        for keyword in ("$ref", "$dynamicRef"):
            target = node.get(keyword)
            if isinstance(target, str) and not target.startswith(_DIALECT):
                yield from _schemas(self._referred(target))
        for keyword in _SAME_ONE:
            yield from _schemas(node.get(keyword))
        for keyword in _SAME_LIST:
            yield from _schemas(*_listed(node.get(keyword)))
        yield from _schemas(*_named(node, "dependentSchemas").values())

    def _places(self, looking: Counter[int]) -> list[Counter[int]]:
        """For each place inside that can be told apart, the schemas that look there, and by how many ways."""
        places: dict[str | int, Counter[int]] = {}
        sweeping: list[tuple[Counter[int], type, Container[str | int]]] = []
        for number, count in looking.items():
            node = self._nodes[number]
            named = _named(node, "properties")
            inner: list[tuple[str | int, JsonValue]] = [*named.items(), *enumerate(_listed(node.get("prefixItems")))]
            for place, schema in inner:
                places.setdefault(place, Counter()).update(self._counted(count, schema))
            items = self._counted(count, *(node.get(keyword) for keyword in _ANY_ITEM))
            patterns = _named(node, "patternProperties").values()
            names = self._counted(count, *patterns, *(node.get(keyword) for keyword in _ANY_NAME))
            others = self._counted(count, node.get("additionalProperties"))
            sweeping += [(items, int, ()), (names, str, ()), (others, str, named)]
        for place, found in places.items():
            for ways, kind, without in sweeping:
                if isinstance(place, kind) and place not in without:
                    found.update(ways)
        rest = [sum((ways for ways, kind, _ in sweeping if kind is wanted), Counter[int]()) for wanted in (int, str)]
        return [found for found in (*places.values(), *rest) if found]

    def _counted(self, count: int, *schemas: JsonValue) -> Counter[int]:
        found = Counter[int]()
        for schema in _schemas(*schemas):
            found[self._added(schema)] += count
        return found

    def _referred(self, target: str) -> JsonValue:
        if not target.startswith("#"):
            raise SchemaInvalid("It refers to something outside itself, and nothing outside is ever fetched.")
        steps = unquote(target[1:])
        if steps and not steps.startswith("/"):
            return self._anchors.get(steps)
        node: JsonValue = self._root
        for step in steps.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict):
                node = node.get(name)
            elif isinstance(node, list) and name.isascii() and name.isdigit() and len(name) <= _MAX_DIGITS:
                node = node[int(name)] if int(name) < len(node) else None
            else:
                return None
        return node


def _schemas(*values: JsonValue) -> Iterator[JsonObject]:
    """Those that can weigh anything: `true` and `false` are schemas, too."""
    return (value for value in values if isinstance(value, dict))


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _named(node: JsonObject, keyword: str) -> JsonObject:
    value = node.get(keyword)
    return value if isinstance(value, dict) else {}


def _objects(value: JsonValue) -> Iterator[JsonObject]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else _listed(value):
        yield from _objects(inner)


def _patterns(schema: JsonObject) -> set[str]:
    """The different ones, which is how often the validator compiles them."""
    nodes = list(_objects(schema))
    stated = {pattern for node in nodes if isinstance(pattern := node.get("pattern"), str)}
    return stated.union(*(_named(node, "patternProperties") for node in nodes))


def _anchors(node: JsonObject) -> list[str]:
    return [name for name in (node.get("$anchor"), node.get("$dynamicAnchor")) if isinstance(name, str)]


def _depth(value: JsonValue) -> int:
    deepest, pending = 0, [(value, 1)]
    while pending:
        inner, depth = pending.pop()
        deepest = max(deepest, depth)
        children = inner.values() if isinstance(inner, dict) else _listed(inner)
        pending += [(child, depth + 1) for child in children]
    return deepest


def _too_heavy() -> SchemaInvalid:
    return SchemaInvalid(
        f"It can look at one place of a value in more than {MAX_WEIGHT} ways. Refer to a definition fewer times."
    )
