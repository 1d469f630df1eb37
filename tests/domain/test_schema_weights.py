"""Schema weights: what could keep the validator busy is refused, what people really write is not."""

from typing import Any

import pytest

from jinba_mcp.domain import schema_weights
from jinba_mcp.domain.errors import SchemaInvalid
from jinba_mcp.domain.json_schema import Validator

S = {"$ref": "#/$defs/s"}


def defined(s: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"$defs": {"s": s, **others}, **S}


def doubling(levels: int, keyword: str) -> dict[str, Any]:
    """Each level refers twice to the one below."""
    definitions: dict[str, Any] = {"l0": {"type": "string"}}
    for level in range(1, levels + 1):
        definitions[f"l{level}"] = {keyword: [{"$ref": f"#/$defs/l{level - 1}"}, {"$ref": f"#/$defs/l{level - 1}"}]}
    return {"$defs": definitions, "$ref": f"#/$defs/l{levels}"}


def nested(levels: int) -> dict[str, Any]:
    return {"items": nested(levels - 1)} if levels else {}


HEAVY: dict[str, dict[str, Any]] = {
    **{f"doubled by {keyword}": doubling(20, keyword) for keyword in ("allOf", "anyOf", "oneOf")},
    "twice for each name": defined({"allOf": [{"properties": {"x": {**S}}}, {"properties": {"x": {**S}}}]}),
    "by name and by pattern": defined({"properties": {"x": {**S}}, "patternProperties": {"x": {**S}}}),
    "by two patterns": defined({"patternProperties": {"x": {**S}, "y": {**S}}}),
    "by name and the rest": defined({"anyOf": [{"properties": {"x": {**S}}}, {"additionalProperties": {**S}}]}),
    "twice for each item": defined({"anyOf": [{"items": {**S}}, {"items": {**S}}]}),
    "by item and contains": defined({"items": {**S}, "contains": {**S}}),
    "through an anchor": {"$anchor": "a", "anyOf": [{"items": {"$ref": "#a"}}, {"items": {"$dynamicRef": "#a"}}]},
    "in two steps": defined({"items": {"$ref": "#/$defs/t"}}, t={"anyOf": [{"items": {**S}}, {"items": {**S}}]}),
    "within not and if": defined({"not": {"items": {**S}}, "if": {"items": {**S}}}),
}


@pytest.mark.parametrize("name", HEAVY)
def test_a_schema_that_multiplies_is_refused(name: str) -> None:
    Validator(HEAVY[name])
    with pytest.raises(SchemaInvalid, match="more than 1000 ways"):
        schema_weights.check(HEAVY[name])


LIGHT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "any JSON": defined(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {**S}},
                   {"type": "object", "additionalProperties": {**S}}]}
    ),
    "a binary tree": defined({"properties": {"left": {**S}, "right": {**S}}, "additionalProperties": {**S}}),
    "an optional child": defined({"properties": {"child": {"anyOf": [{**S}, {"type": "null"}]}}}),
    "a tuple of itself": defined({"prefixItems": [{**S}, {**S}], "items": False}),
    "two hundred variants": {
        "$defs": {f"v{number}": {"properties": {"kind": {"const": number}}} for number in range(200)},
        "anyOf": [{"$ref": f"#/$defs/v{number}"} for number in range(200)],
    },
    "a thousand fields": {"properties": {f"f{number}": {"type": "string"} for number in range(1_000)}},
    "a name in any script": {"pattern": r"^[\p{L}\p{N} ]{1,100}$"},
    "five hundred plain patterns": {"prefixItems": [{"pattern": f"^[a-z0-9-]{{1,63}}{n}$"} for n in range(500)]},
    "a pattern many times": {"prefixItems": [{"pattern": r"^\p{L}{1,100}$"}] * 500},
    "three doublings": doubling(3, "allOf"),
    "the dialect": {"properties": {"schema": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}},
}  # fmt: skip


@pytest.mark.parametrize("name", LIGHT)
def test_what_people_write_is_taken(name: str) -> None:
    schema_weights.check(LIGHT[name])


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a circle": ({"$ref": "#"}, "leads back"),
    "a circle of two": ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
                        "leads back"),
    "an inner id": ({"properties": {"a": {"$id": "https://example.com/a"}}}, "'\\$id'"),
    "something outside": ({"$ref": "https://example.com/a"}, "outside"),
    "too long": ({"description": "x" * 70_000}, "64 KB"),
    "too deep": (nested(60), "48 deep"),
    "NUL": ({"description": "\0"}, "NUL"),
    "no schema": ({"type": "nope"}, "Not a usable"),
    "nowhere": ({"$ref": "#/nowhere"}, "Not a usable"),
    "no pattern": ({"pattern": "("}, "regex., or takes more than"),
    "patterns of gigabytes": ({"prefixItems": [{"pattern": rf"\pL{{180}}{n}"} for n in range(300)]}, "than 109 KB"),
    "names of gigabytes": ({"patternProperties": {rf"\pL{{180}}{n}": {} for n in range(300)}}, "than 109 KB"),
    "too many": ({"anyOf": [{"enum": [1]}] * 10, "allOf": [{"a": n} for n in range(1_001)]}, "ways"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_use_is_refused_with_a_reason(name: str) -> None:
    schema, reason = REFUSED[name]
    with pytest.raises(SchemaInvalid, match=reason):
        schema_weights.check(schema)


def test_a_text_about_nul_is_none() -> None:
    schema_weights.check({"description": "the text \\u0000, not the character"})


def test_pointers_are_followed_as_written() -> None:
    """RFC 6901, percent-encoded as in a URI fragment."""
    here = "#/$defs/a~1b~0c%20%25"
    one: dict[str, Any] = {"items": {"$ref": here}}
    schema_weights.check({"$defs": {"a/b~c %": one}, "$ref": here})
    with pytest.raises(SchemaInvalid, match="ways"):
        schema_weights.check(
            {"$defs": {"a/b~c %": {"anyOf": [one, {"items": {"$ref": f"{here}/anyOf/0"}}]}}, "$ref": here}
        )
