"""What only pydantic can do: other types, their schemas, and data with a JSON form."""

import math
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from jinba_mcp.sandbox.guest import models
from jinba_mcp.sandbox.guest.faults import CodeFault


class Odd: ...


class Named(BaseModel):
    full_name: str = Field(alias="fullName")
    score: float = 1.0
    anything: Any = None


class Node(BaseModel):
    child: "Node | None" = None


def test_a_model_of_arguments_has_a_field_for_each_parameter_under_its_name() -> None:
    model = models.arguments_model("run", [("json", str, ...), ("n", Annotated[int, Field(alias="count")], 3)])

    assert list(model.model_fields) == ["field_0", "field_1"]
    assert model.model_validate({"json": "a"}).__dict__ == {"field_0": "a", "field_1": 3}
    assert model.model_validate({"json": "a", "count": "4"}).__dict__ == {"field_0": "a", "field_1": 4}
    with pytest.raises(ValidationError, match="other"):
        model.model_validate({"json": "a", "other": 1})


def test_the_parameter_that_has_no_schema_is_named() -> None:
    with pytest.raises(CodeFault, match="The parameter 'second' of 'run' has no schema"):
        models.arguments_model("run", [("first", int, ...), ("second", Odd, ...)])


def test_a_type_that_has_no_schema_is_named() -> None:
    with pytest.raises(CodeFault, match="The return type has no schema: "):
        models.adapter(Odd, "The return type")
    with pytest.raises(CodeFault, match="The parameters have no JSON Schema: "):
        models.schema(models.adapter(Callable[[], int], "It"), "validation", "The parameters have")


def test_a_model_that_contains_itself_is_written_out_at_the_top() -> None:
    schema = models.schema(models.adapter(Node, "It"), "validation", "It has")

    assert schema["type"] == "object"
    assert schema["$defs"]["Node"]["properties"].keys() == schema["properties"].keys()


def test_data_is_checked_and_written_by_its_type() -> None:
    adapter = models.adapter(list[Named], "It")

    assert models.promised([{"fullName": "A"}], adapter) == [{"fullName": "A", "score": 1.0, "anything": None}]
    with pytest.raises(ValidationError):
        models.promised([{}], adapter)
    with pytest.raises(TypeError, match=r"test_models\.Odd has no JSON form"):
        models.promised([{"fullName": "A", "anything": Odd()}], adapter)


def test_data_becomes_plain_and_keeps_what_json_has_not() -> None:
    found = models.jsonable({date(2024, 1, 31): {Named(fullName="A", score=math.inf).score}})

    assert found == {"2024-01-31": [math.inf]}
    with pytest.raises(TypeError, match=r"test_models\.Odd has no JSON form"):
        models.jsonable([Odd()])


def test_warming_up_takes_every_way_once() -> None:
    models.warm_up()
