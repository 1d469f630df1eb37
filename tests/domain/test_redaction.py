"""Redaction: fields that schemas mark, patterns of the operator's, and that neither can be tricked or hung."""

from typing import Any

import pytest
from pydantic import BaseModel, Field, JsonValue, SecretStr

from jinba_mcp.domain.errors import Invalid
from jinba_mcp.domain.redaction import (
    MAX_PATTERN_CHARACTERS,
    MAX_PATTERNS,
    SecretFields,
    masked_texts,
    pattern_masker,
)

SECRET = {"type": "string", "writeOnly": True}
MARKED: dict[str, tuple[dict[str, Any], JsonValue, JsonValue]] = {
    "writeOnly": ({"properties": {"a": SECRET}}, {"a": "hunter2", "b": "hunter2"}, {"a": "***", "b": "hunter2"}),
    "password": ({"properties": {"a": {"format": "password"}}}, {"a": "hunter2"}, {"a": "***"}),
    "a whole object": ({"properties": {"a": {"writeOnly": True}}}, {"a": {"b": ["x"]}}, {"a": "***"}),
    "null stays": ({"properties": {"a": SECRET}}, {"a": None}, {"a": None}),
    "items": ({"properties": {"a": {"items": SECRET}}}, {"a": ["x", "y"]}, {"a": ["***", "***"]}),
    "prefixItems": ({"prefixItems": [{}, SECRET], "items": {}}, ["x", "y", "z"], ["x", "***", "z"]),
    "items after": ({"prefixItems": [{}], "items": SECRET}, ["x", "y", "z"], ["x", "***", "***"]),
    "additional": ({"properties": {"a": {}}, "additionalProperties": SECRET}, {"a": 1, "b": 2}, {"a": 1, "b": "***"}),
    "additional beside patterns": (
        {"patternProperties": {"^x-": {}}, "additionalProperties": SECRET}, {"a": "hunter2"}, {"a": "***"},
    ),
    "patterned": ({"patternProperties": {"^pw": SECRET}}, {"pw1": "x"}, {"pw1": "***"}),
    "referred to": ({"$defs": {"P": SECRET}, "properties": {"a": {"$ref": "#/$defs/P"}}}, {"a": "x"}, {"a": "***"}),
    "referred to as in a URI": (
        {"$defs": {"API key": SECRET}, "properties": {"a": {"$ref": "#/$defs/API%20key"}}}, {"a": "x"}, {"a": "***"},
    ),
    "by anchor": (
        {"$defs": {"P": {**SECRET, "$anchor": "pw"}}, "properties": {"a": {"$ref": "#pw"}}}, {"a": "x"}, {"a": "***"},
    ),
    "in a branch": ({"properties": {"a": {"anyOf": [SECRET, {"type": "null"}]}}}, {"a": "x"}, {"a": "***"}),
    "in all": ({"allOf": [{"properties": {"a": SECRET}}]}, {"a": "x"}, {"a": "***"}),
    "when": ({"if": {}, "then": {"properties": {"a": SECRET}}}, {"a": "x"}, {"a": "***"}),
    "depending": ({"dependentSchemas": {"b": {"properties": {"a": SECRET}}}}, {"a": "x", "b": 1}, {"a": "***", "b": 1}),
    "in circles": (
        {"$defs": {"N": {"properties": {"pw": SECRET, "next": {"$ref": "#/$defs/N"}}}}, "$ref": "#/$defs/N"},
        {"pw": "x", "next": {"pw": "y", "next": {"pw": "z"}}},
        {"pw": "***", "next": {"pw": "***", "next": {"pw": "***"}}},
    ),
    "to nowhere": ({"$ref": "#/$defs/None/0", "properties": {"a": SECRET}}, {"a": "x"}, {"a": "***"}),
    "the root": ({"$ref": "#", "properties": {"a": SECRET}}, {"a": "x"}, {"a": "***"}),
}  # fmt: skip


@pytest.mark.parametrize("name", MARKED)
def test_marked_fields_are_redacted_and_no_others(name: str) -> None:
    schema, value, expected = MARKED[name]
    fields = SecretFields.of(schema)
    assert fields is not None
    assert fields.redacted(value)[0] == expected


def test_a_schema_without_marks_costs_nothing() -> None:
    assert SecretFields.of({"properties": {"writeOnly": {"type": "string"}, "format": {"const": "password"}}}) is None
    assert SecretFields.of(None) is None


def test_pydantics_secrets_are_marked() -> None:
    class Login(BaseModel):
        user: str
        password: SecretStr
        pins: list[SecretStr] = Field(default_factory=list)

    fields = SecretFields.of(Login.model_json_schema())
    assert fields is not None
    value, found = fields.redacted({"user": "al", "password": "hunter22", "pins": ["12345", "1"]})
    assert value == {"user": "al", "password": "***", "pins": ["***", "***"]}
    assert sorted(found) == ["12345", "hunter22"]


def test_texts_and_numbers_inside_a_secret_are_secrets() -> None:
    fields = SecretFields.of({"properties": {"a": {"writeOnly": True}}})
    assert fields is not None
    assert sorted(fields.redacted({"a": {"b": ["one-secret", 123456, True, None]}})[1]) == ["123456", "one-secret"]


def test_patterns_are_masked_in_every_text_name_and_number() -> None:
    mask = pattern_masker((r"sk-\w+", r"\b\d{16}\b"))
    value: JsonValue = {"sk-name": ["a sk-abc b", 4111111111111111, 7, True, None, 1.5], "b": {"c": "sk-d"}}
    assert masked_texts(value, mask) == {"***": ["a *** b", "***", 7, True, None, 1.5], "b": {"c": "***"}}


def test_a_pattern_made_to_hang_does_not() -> None:
    assert pattern_masker((r"(a+)+$",))("a" * 200_000 + "b") == "a" * 200_000 + "b"


@pytest.mark.parametrize(
    "patterns",
    [("(a",), (r"(a)\1",), ("(?=a)",), ("x" * (MAX_PATTERN_CHARACTERS + 1),), ("a",) * (MAX_PATTERNS + 1), ("a*",)],
    ids=["broken", "backreference", "look-ahead", "too long", "too many", "matches nothing"],
)
def test_patterns_that_cannot_be_used_are_refused(patterns: tuple[str, ...]) -> None:
    with pytest.raises(Invalid, match="redact"):
        pattern_masker(patterns)
