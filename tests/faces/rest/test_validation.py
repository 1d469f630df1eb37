"""From pydantic's errors to a pointer and a sentence each."""

from typing import Annotated, Any

import pytest
from pydantic import Field

from jinba_mcp.domain.errors import FieldsInvalid, Invalid
from jinba_mcp.faces.rest.validation import MAX_FAULTS, validated, validated_query
from jinba_mcp.faces.rest.wire import In


class Inner(In):
    count: int


class Outer(In):
    release_notes: Annotated[str, Field(max_length=3)] = ""
    parts: list[Inner] = Field(default_factory=list)


def faults(body: dict[str, Any]) -> Any:
    with pytest.raises(FieldsInvalid) as caught:
        validated(Outer, body)
    return caught.value.details["errors"]


def test_a_pointer_leads_to_the_fault() -> None:
    assert faults({"parts": [{"count": 1}, {"count": "x"}]})[0]["pointer"] == "/parts/1/count"
    assert faults({"a/b~c": 1})[0]["pointer"] == "/a~1b~0c"


def test_an_unknown_field_is_answered_with_the_nearest_or_with_all() -> None:
    assert faults({"releaseNote": ""})[0]["detail"] == "there is no such field; did you mean 'releaseNotes'?"
    assert faults({"zzz": ""})[0]["detail"] == "there is no such field; known: parts, releaseNotes"


def test_the_message_names_the_first_faults() -> None:
    with pytest.raises(FieldsInvalid, match="/releaseNotes: String should have at most 3 characters"):
        validated(Outer, {"releaseNotes": "long"})


def test_what_was_sent_is_not_sent_back() -> None:
    assert "hunter2" not in str(faults({"releaseNotes": "hunter2"}))


def test_faults_and_names_have_an_end() -> None:
    found = faults({"x" * 5_000 + str(n): n for n in range(100)})
    assert len(found) == MAX_FAULTS
    assert all(len(fault["pointer"]) <= 101 for fault in found)


class Wanted(In):
    limit: int = 5
    key_id: str | None = None


def test_a_query_is_read_by_wire_names() -> None:
    assert validated_query(Wanted, b"limit=2&keyId=a%20b") == Wanted.model_validate({"limit": 2, "keyId": "a b"})
    assert validated_query(Wanted, b"") == Wanted()


@pytest.mark.parametrize(
    ("query", "parameter"), [(b"limit=x", "limit"), (b"limit=1&limit=1", "limit"), (b"&limti=1", "limti"), (b"=1", "")]
)
def test_a_parameter_that_is_no_use_is_named(query: bytes, parameter: str) -> None:
    with pytest.raises(FieldsInvalid) as caught:
        validated_query(Wanted, query)
    found: Any = caught.value.details["errors"]
    assert [fault["parameter"] for fault in found] == [parameter]


def test_a_query_has_an_end() -> None:
    with pytest.raises(Invalid, match="at most 100"):
        validated_query(Wanted, b"&".join([b"a=1"] * 101))
