"""Compatibility: everything that breaks callers is named, and what breaks nobody is not."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jinba_mcp.domain.compatibility import MAX_BREAKING, broken
from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.domain.tools import Tool
from tests.domain.generated import modestly

REF = {"$ref": "#/$defs/T"}


def a_tool(input_schema: dict[str, Any], output_schema: dict[str, Any] | None = None) -> Tool:
    return Tool(slug="t", name="T", code="", input_schema=input_schema, output_schema=output_schema)


def taking(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def kinds_of_input(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each.pointer, each.kind) for each in broken(a_tool(before), a_tool(after))]


def kinds_of_output(before: dict[str, Any], after: dict[str, Any] | None) -> list[tuple[str, str]]:
    return [(each.pointer, each.kind) for each in broken(a_tool({}, before), a_tool({}, after))]


P = "/inputSchema/properties/x"
BREAKING: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    "required": (taking(x={}), {**taking(x={}), "required": ["x"]}, [(P, "argument_required")]),
    "new and required": (taking(), {**taking(x={"type": "string"}), "required": ["x"]}, [(P, "argument_required")]),
    "gone": (taking(x={}), taking(), [(P, "argument_removed")]),
    "closed": (taking(), {**taking(), "additionalProperties": False},
               [("/inputSchema/additionalProperties", "arguments_closed")]),
    "type": (taking(x={"type": "number"}), taking(x={"type": "integer"}), [(P, "type_narrowed")]),
    "types": (taking(x={"type": ["string", "null"]}), taking(x={"type": "string"}), [(P, "type_narrowed")]),
    "another type": (taking(x={"type": "string"}), taking(x={"type": "boolean"}), [(P, "type_narrowed")]),
    "from anything": (taking(x={}), taking(x={"type": "string"}), [(P, "type_narrowed")]),
    "null no more": (taking(x={"anyOf": [{"type": "string"}, {"type": "null"}]}), taking(x={"type": "string"}),
                     [(P, "type_narrowed")]),
    "enum": (taking(x={"enum": ["a", "b"]}), taking(x={"enum": ["a"]}), [(P, "enum_narrowed")]),
    "enum from text": (taking(x={"type": "string"}), taking(x={"enum": ["a"]}), [(P, "type_narrowed"),
                                                                                (P, "enum_narrowed")][1:]),
    "maximum": (taking(x={"type": "integer", "maximum": 9}), taking(x={"type": "integer", "maximum": 8}),
                [(P + "/maximum", "bound_tightened")]),
    "a first bound": (taking(x={"type": "string"}), taking(x={"type": "string", "maxLength": 5}),
                      [(P + "/maxLength", "bound_tightened")]),
    "minimum": (taking(x={"minimum": 1}), taking(x={"minimum": 2}), [(P + "/minimum", "bound_tightened")]),
    "pattern": (taking(x={"type": "string"}), taking(x={"type": "string", "pattern": "^a"}),
                [(P + "/pattern", "bound_tightened")]),
    "deep": (taking(x={"type": "array", "items": {"type": "number"}}),
             taking(x={"type": "array", "items": {"type": "integer"}}), [(P + "/items", "type_narrowed")]),
    "behind a reference": ({**taking(x=REF), "$defs": {"T": {"type": "number"}}},
                           {**taking(x=REF), "$defs": {"T": {"type": "integer"}}}, [(P, "type_narrowed")]),
    "within a union": (taking(x={"anyOf": [{"type": "string"}, {"type": "integer", "maximum": 9}]}),
                       taking(x={"anyOf": [{"type": "string"}, {"type": "integer", "maximum": 3}]}),
                       [(P + "/maximum", "bound_tightened")]),
    "what is not compared": (taking(x={"type": "object"}), taking(x={"type": "object", "not": {"required": ["a"]}}),
                             [(P + "/not", "constraint_changed")]),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKING)
def test_what_breaks_callers_is_named(name: str) -> None:
    before, after, found = BREAKING[name]
    assert kinds_of_input(before, after) == found


HARMLESS = {
    "the same": (taking(x={"type": "string"}), taking(x={"type": "string"})),
    "an optional argument": (taking(), taking(x={"type": "string"})),
    "required no more": ({**taking(x={}), "required": ["x"]}, taking(x={})),
    "a wider type": (taking(x={"type": "integer"}), taking(x={"type": "number"})),
    "null as well": (taking(x={"type": "string"}), taking(x={"anyOf": [{"type": "string"}, {"type": "null"}]})),
    "another branch": (taking(x={"anyOf": [{"enum": ["a"]}, {"type": "integer"}]}),
                       taking(x={"anyOf": [{"enum": ["a", "b"]}, {"type": "integer"}, {"type": "null"}]})),
    "a longer enum": (taking(x={"enum": ["a"]}), taking(x={"enum": ["a", "b"]})),
    "a looser bound": (taking(x={"maxLength": 5}), taking(x={"maxLength": 6})),
    "no bound": (taking(x={"maxLength": 5}), taking(x={})),
    "opened": ({**taking(), "additionalProperties": False}, taking()),
    "words": (taking(x={"title": "X", "description": "x"}), taking(x={"title": "Y", "default": 1})),
    "moved to a definition": (taking(x={"type": "string"}), {**taking(x=REF), "$defs": {"T": {"type": "string"}}}),
    "recursive": ({**REF, "$defs": {"T": taking(x=REF)}}, {**REF, "$defs": {"T": taking(x=REF, y={})}}),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_what_breaks_nobody_is_not_named(name: str) -> None:
    assert kinds_of_input(*HARMLESS[name]) == []


O = "/outputSchema/properties/x"  # noqa: E741  beside P
PROMISES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, list[tuple[str, str]]]] = {
    "gone": (taking(x={}), taking(), [(O, "output_removed")]),
    "optional": ({**taking(x={}), "required": ["x"]}, taking(x={}), [(O, "output_optional")]),
    "wider": (taking(x={"type": "integer"}), taking(x={"type": "number"}), [(O, "type_widened")]),
    "null as well": (taking(x={"type": "string"}), taking(x={"anyOf": [{"type": "string"}, {"type": "null"}]}),
                     [(O, "type_widened")]),
    "another value": (taking(x={"enum": ["a"]}), taking(x={"enum": ["a", "b"]}), [(O, "enum_widened")]),
    "no bound": (taking(x={"maximum": 5}), taking(x={}), [(O + "/maximum", "bound_loosened")]),
    "no schema": (taking(), None, [("/outputSchema", "schema_removed")]),
    "narrower": (taking(x={"type": "number"}), taking(x={"type": "integer"}), []),
    "more": (taking(), taking(x={}), []),
}  # fmt: skip


@pytest.mark.parametrize("name", PROMISES)
def test_what_comes_out_is_held_against_what_was_promised(name: str) -> None:
    before, after, found = PROMISES[name]
    assert kinds_of_output(before, after) == found


def test_so_much_of_one_tool_is_told_and_no_more() -> None:
    before = taking(**{f"p{number}": {} for number in range(MAX_BREAKING + 5)})
    assert len(kinds_of_input(before, taking())) == MAX_BREAKING


def test_schemas_that_refer_in_circles_come_to_an_end() -> None:
    circles: list[dict[str, Any]] = [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}, {"type": "string"}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$defs": {"T": {"anyOf": [taking(x=REF, y=REF), {"type": "array", "items": REF}]}}, **REF},
    ]
    for before in circles:
        for after in circles:
            assert len(broken(a_tool(before), a_tool(after))) <= MAX_BREAKING


@pytest.mark.parametrize("keyword", ["items", "additionalProperties"])
def test_what_is_nested_too_deep_by_references_is_told_and_not_followed(keyword: str) -> None:
    def chain(end: dict[str, Any]) -> dict[str, Any]:
        links = {f"d{n}": {keyword: {"$ref": f"#/$defs/d{n + 1}"}} for n in range(2_000)}
        return {"$defs": {**links, "d2000": end}, "$ref": "#/$defs/d0"}

    found = broken(a_tool(chain({"type": "string"})), a_tool(chain({"type": "integer"})))
    assert [each.kind for each in found] == ["not_compared"]
    assert found[0].pointer.startswith(f"/inputSchema/{keyword}/{keyword}")


LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "null", ["string", "null"], ["integer", "string"]]),
        "maximum": st.integers(0, 3),
        "minimum": st.integers(0, 3),
        "maxLength": st.integers(0, 2),
        "enum": st.lists(st.sampled_from(["a", "bb", 1, 2, None, 1.5]), min_size=1, max_size=3, unique_by=repr),
    },
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"anyOf": each})
        | inner.map(lambda each: {"type": "array", "items": each})
        | st.builds(
            lambda fields, needed: {
                "type": "object",
                "properties": fields,
                "required": [n for n in needed if n in fields],
            },
            st.dictionaries(st.sampled_from("pq"), inner, max_size=2),
            st.sets(st.sampled_from("pq")),
        )
    ),
    max_leaves=4,
)
VALUES = st.recursive(
    st.sampled_from(["", "a", "bb", "ccc", 0, 1, 2, 3, 4, 1.5, None]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("pq"), inner, max_size=2),
    max_leaves=3,
)


@modestly
@given(SCHEMAS, SCHEMAS, st.lists(VALUES, min_size=10, max_size=20))
def test_whatever_is_refused_now_and_was_not_before_is_told(before: Any, after: Any, values: list[Any]) -> None:
    """Within arguments that had a name before: who sends others knows that they are not looked at."""
    assume(before != after)
    old, new = (Validator({"properties": {"x": schema}}) for schema in (before, after))
    lost = [value for value in values if not old.faults({"x": value}) and new.faults({"x": value})]
    if any(_is_named(before, value) for value in lost):
        assert broken(a_tool(taking(x=before)), a_tool(taking(x=after))) != []


def _is_named(schema: Any, value: Any) -> bool:
    if isinstance(value, dict):
        branches = schema.get("anyOf", [schema])
        return any(
            value.keys() <= branch.get("properties", {}).keys()
            and all(_is_named(branch["properties"][name], item) for name, item in value.items())
            for branch in branches
        )
    if isinstance(value, list):
        return all(_is_named(branch.get("items", {}), item) for item in value for branch in [schema])
    return True
