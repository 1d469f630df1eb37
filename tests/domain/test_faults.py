"""Faults in one line."""

from jinba_mcp.domain import faults
from jinba_mcp.domain.records import JsonObject


def test_a_fault_is_said_with_its_place_and_one_of_the_whole_without() -> None:
    found: list[JsonObject] = [{"pointer": "", "detail": "not an object"}, {"pointer": "/a", "detail": "too long"}]
    assert faults.sentence(found) == "not an object; /a: too long"


def test_only_the_first_few_are_said() -> None:
    assert faults.sentence([{"pointer": "/a", "detail": "wrong"}] * 9).count("wrong") == 5
