"""Evaluates a JMESPath expression over JSON, under limits on work and size."""

import json
import time
from typing import Any, Literal

import pydantic_core
from jmespath import exceptions, parser, visitor  # the query language of the AWS command line; it has no side effects
from pydantic import BaseModel, ConfigDict, Field, JsonValue

_MAX_DATA_CHARACTERS = 1_000_000
_MAX_MADE = 5_000_000
_MAX_RESULT_CHARACTERS = 2_000_000
_MAX_CPU_S = 1.0
_COPYING = frozenset(("literal", "multi_select_list", "multi_select_dict", "function_expression", "flatten"))

Kind = Literal["object", "array", "string", "number", "boolean", "null"]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expression: str = Field(
        min_length=1,
        max_length=2_000,
        description="The JMESPath expression.",
        examples=["people[?age > `30`].name", "sort_by(items, &price)[-1]"],
    )
    data: JsonValue = Field(
        description="The JSON value to query, or JSON text in a string.",
        examples=[{"people": [{"name": "Alice", "age": 34}]}],
    )


class Output(BaseModel):
    result: JsonValue = Field(description="What the expression selects; null when nothing matches.")
    type: Kind = Field(description="The JSON type of the result.")
    count: int = Field(description="Items of a list, keys of an object, 0 for null, else 1.")


def run(input: Input) -> Output:
    data = _parsed(input.data)
    try:
        tree = parser.Parser().parse(input.expression).parsed
        result = _Interpreter().visit(tree, data)
        if len(json.dumps(result)) > _MAX_RESULT_CHARACTERS:
            raise ValueError(f"The result is longer than {_MAX_RESULT_CHARACTERS} characters. Select less.")
    except exceptions.JMESPathError as error:
        raise ValueError(f"JMESPath: {' '.join(str(error).split())[:500]}.{_hint(input.expression)}") from None
    except RecursionError:
        raise ValueError("The expression is nested too deeply. Split it into several queries.") from None
    except (TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"The expression does not work on this data: {error}.") from None
    return Output(result=result, type=_kind(result), count=_count(result))


def _parsed(data: JsonValue) -> Any:
    if isinstance(data, str) and data.lstrip()[:1] in ("{", "["):
        if len(data) > _MAX_DATA_CHARACTERS:
            raise ValueError(f"The data is longer than {_MAX_DATA_CHARACTERS} characters.")
        try:
            return pydantic_core.from_json(data, allow_inf_nan=False)
        except ValueError as error:
            raise ValueError(f"'data' is a string that is not JSON: {error}. Pass the JSON value itself.") from None
    if len(json.dumps(data)) > _MAX_DATA_CHARACTERS:
        raise ValueError(f"The data is longer than {_MAX_DATA_CHARACTERS} characters as JSON.")
    return data


class _Interpreter(visitor.TreeInterpreter):
    """Pays for all that an expression multiplies; `[@, @] | [@, @] | …` would else outgrow any machine."""

    def __init__(self) -> None:
        super().__init__()
        self.deadline = time.thread_time() + _MAX_CPU_S
        self.made = 0

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        if time.thread_time() > self.deadline:
            raise ValueError(f"The query needs more than {_MAX_CPU_S:g} s of work. Filter before you sort or compare.")
        result = super().visit(node, *args, **kwargs)
        if node["type"] in _COPYING:
            self.pay(result)
        return result

    def visit_flatten(self, node: Any, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        self.afford(sum(len(item) if isinstance(item, list) else 1 for item in base))
        return [part for item in base for part in (item if isinstance(item, list) else [item])]

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        if node["value"] == "join" and len(node["children"]) == 2:  # noqa: PLR2004  glue and list
            glue, parts = (self.visit(child, value) for child in node["children"])
            if isinstance(glue, str) and isinstance(parts, list):
                self.afford(len(glue) * len(parts))
        return super().visit_function_expression(node, value)

    def pay(self, value: Any) -> None:
        """Count what the value holds, shared parts as often as they are seen: that is what printing it costs."""
        waiting = [value]
        while waiting:
            item = waiting.pop()
            self.made += 1 + (len(item) if isinstance(item, str | list | dict) else 0)
            self.afford(0)
            if isinstance(item, dict):
                waiting.extend(item.values())
            elif isinstance(item, list):
                waiting.extend(item)

    def afford(self, size: int) -> None:
        if self.made + size > _MAX_MADE:
            raise ValueError("The expression makes too large a result on the way. Select less before you combine.")


def _hint(expression: str) -> str:
    if '"' in expression:
        return " Text stands in single quotes, numbers in backticks; double quotes name a field."
    return " Numbers stand in backticks (`30`), text in single quotes ('abc')."


def _kind(value: Any) -> Kind:
    kinds: dict[type, Kind] = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return kinds.get(type(value), "number")


def _count(value: Any) -> int:
    if isinstance(value, dict | list):
        return len(value)
    return int(value is not None)
