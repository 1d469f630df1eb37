"""The JSON Schema validator: pointers, bounds, and nothing that an author or a caller can make it do."""

import random
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from pydantic import JsonValue

from jinba_mcp.domain.errors import SchemaInvalid
from jinba_mcp.domain.json_schema import MAX_FAULTS, Validator
from jinba_mcp.domain.records import JsonObject
from tests.domain.generated import JSON, TEXT, modestly

PERSON: JsonObject = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


def test_what_fits_has_no_faults() -> None:
    assert Validator(PERSON).faults({"name": "Alice", "age": 7}) == []


def test_every_fault_has_its_pointer_and_a_sentence() -> None:
    faults = Validator(PERSON).faults({"age": -1, "extra": True})
    assert {fault["pointer"]: fault["detail"] for fault in faults if fault["pointer"]} == {
        "/age": "-1 is less than the minimum of 0"
    }
    assert sorted(str(fault["detail"]) for fault in faults if not fault["pointer"]) == [
        '"name" is a required property',
        "Additional properties are not allowed ('extra' was unexpected)",
    ]


def test_values_can_be_left_out_of_what_is_told() -> None:
    [fault] = Validator(PERSON, hides_values=True).faults({"name": ["hunter22"]})
    assert fault == {"pointer": "/name", "detail": '*** is not of type "string"'}


def test_pointers_go_through_objects_and_lists() -> None:
    schema: JsonObject = {"properties": {"rows": {"items": {"properties": {"n": {"type": "integer"}}}}}}
    assert [fault["pointer"] for fault in Validator(schema).faults({"rows": [{"n": 1}, {"n": "x"}]})] == ["/rows/1/n"]


@pytest.mark.parametrize(
    ("name", "pointer"),
    [("a/b", "/a~1b"), ("a~b", "/a~0b"), ("~1", "/~01"), ("/", "/~1"), ("é", "/é"), ("0", "/0")],
)
def test_names_are_escaped_in_pointers(name: str, pointer: str) -> None:
    """RFC 6901 §3."""
    faults = Validator({"properties": {name: {"type": "string"}}}).faults({name: 1})
    assert [fault["pointer"] for fault in faults] == [pointer]


@modestly
@given(TEXT.filter(bool))
def test_every_pointer_leads_back_to_the_name_at_fault(name: str) -> None:
    """All but the empty name, which the validator leaves out of its paths."""
    [fault] = Validator({"additionalProperties": {"type": "string"}}).faults({name: 1})
    assert str(fault["pointer"])[1:].replace("~1", "/").replace("~0", "~") == name


def _memory_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def test_what_patterns_remember_of_a_text_is_bounded() -> None:
    """Left alone, the engine keeps up to 2 MB for each: gigabytes for a schema, for as long as it is in use."""
    patterns: list[JsonValue] = [{"pattern": f"a[ab]{{{12 + number}}}c"} for number in range(100)]
    validator = Validator({"anyOf": patterns})
    text = "".join(random.Random(1).choices("ab", k=6_000))  # noqa: S311  the same for each test, not a secret
    before = _memory_bytes()
    assert len(validator.faults(text)) == 1
    assert _memory_bytes() - before < 50 * 1024 * 1024


def test_at_most_so_many_faults_are_told() -> None:
    schema: JsonObject = {"items": {"type": "string"}}
    assert len(Validator(schema).faults(list(range(MAX_FAULTS)))) == MAX_FAULTS
    assert len(Validator(schema).faults(list(range(MAX_FAULTS + 1)))) == MAX_FAULTS


@pytest.mark.parametrize(
    "value",
    [
        [1] * 1_000_000,
        {str(number): 1 for number in range(10_000)},
        [{"text": "x" * 200_000}, 1],
        [{"x" * 200_000: 1}, 1],
        [[1] * 5_000],
    ],
    ids=["long", "wide", "text", "name", "inner"],
)
def test_of_a_very_large_value_one_fault_is_told(value: Any) -> None:
    schema: JsonObject = {"items": {"type": "string"}, "additionalProperties": {"type": "string"}}
    assert len(Validator(schema).faults(value)) == 1


def test_a_very_large_value_that_fits_has_no_faults() -> None:
    assert Validator({"items": {"type": "integer"}}).faults([1] * 100_000) == []


def test_the_sentence_of_a_fault_is_cut_however_long_the_value() -> None:
    [fault] = Validator({"type": "integer"}).faults("x" * 50_000)
    assert len(str(fault["detail"])) <= 300


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nope"},
        {"type": 5},
        {"properties": []},
        {"required": "name"},
        {"minimum": "a"},
        {"multipleOf": 0},
        {"items": [{"type": "string"}]},
        {"pattern": "("},
        {"pattern": "(?=look)around"},
        {"pattern": r"(back)\1"},
        {"pattern": "((a{1000}){1000}){1000}"},
        {"$ref": "#/nowhere"},
        {"$ref": "#nobody"},
        {"$ref": 1},
        {"description": "\ud800"},
    ],
)
def test_an_unusable_schema_is_refused(schema: JsonObject) -> None:
    with pytest.raises(SchemaInvalid, match=r"^Not a usable JSON Schema 2020-12: .+"):
        Validator(schema)


def test_the_refusal_of_a_schema_is_short_however_long_the_schema() -> None:
    with pytest.raises(SchemaInvalid) as refused:
        Validator({"pattern": "(" + "a" * 100_000})
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "https://example.com/schema.json#/a"},
        {"$ref": "file:///etc/hostname"},
        {"$ref": "schema.json"},
        {"$id": "http://example.com/a", "$ref": "b"},
        {"$dynamicRef": "https://example.com/schema.json"},
        {"properties": {"a": {"items": {"$ref": "https://example.com/deep.json"}}}},
        {"$ref": "http://json-schema.org/draft-07/schema#"},
    ],
)
def test_nothing_outside_a_schema_is_ever_fetched(schema: JsonObject) -> None:
    with pytest.raises(SchemaInvalid, match=r"outside the schema|not supported|not present|relative"):
        Validator(schema)


def test_a_schema_may_refer_to_itself_and_to_the_dialect() -> None:
    tree = Validator(
        {
            "$defs": {"node": {"type": "object", "additionalProperties": {"$ref": "#/$defs/node"}}},
            "$ref": "#/$defs/node",
        }
    )
    assert tree.faults({"a": {"b": {}}}) == []
    assert [fault["pointer"] for fault in tree.faults({"a": {"b": 1}})] == ["/a/b"]
    schema = Validator({"$ref": "https://json-schema.org/draft/2020-12/schema"})
    assert schema.faults({"type": "string"}) == []
    assert [fault["pointer"] for fault in schema.faults({"type": "nope"})] == ["/type"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"anyOf": [{"$ref": "#"}, {"not": {"$ref": "#"}}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$dynamicAnchor": "x", "$dynamicRef": "#x"},
    ],
)
def test_a_schema_that_goes_round_in_a_circle_comes_to_an_end(schema: JsonObject) -> None:
    assert Validator(schema).faults({"a": 1}) == []


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "^(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_catastrophic_pattern_is_done_with_a_long_text(pattern: str) -> None:
    [fault] = Validator({"pattern": pattern}).faults("a" * 20_000 + "!" if "20" not in pattern else "b" * 20_000)
    assert fault["pointer"] == ""


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("date-time", "2026-11-21T12:00:00Z", "yesterday"),
        ("email", "a@example.com", "nobody"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        ("uri", "https://example.com/", "not a uri"),
    ],
)
def test_formats_are_checked(form: str, good: str, bad: str) -> None:
    validator = Validator({"format": form})
    assert validator.faults(good) == []
    assert len(validator.faults(bad)) == 1


def test_a_format_or_keyword_of_the_authors_own_is_let_be() -> None:
    assert Validator({"format": "postal-code", "x-order": 3}).faults("anything") == []


@modestly
@given(JSON)
def test_the_empty_schema_takes_everything_and_the_impossible_one_nothing(value: Any) -> None:
    assert Validator({}).faults(value) == []
    assert Validator({"not": {}}).faults(value) != []
