"""Conditional requests as RFC 9110, 13 has them."""

import re

import pytest
from starlette.datastructures import Headers

from jinba_mcp.domain.errors import Invalid
from jinba_mcp.faces.web.conditions import PATTERN, is_known, wanted_tags


def headers(name: str, *values: str) -> Headers:
    return Headers(raw=[(name.encode(), value.encode("latin-1")) for value in values])


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((), None),
        (("*",), None),
        ((" * ",), None),
        (('"a"',), {"a"}),
        (('"a", "b"',), {"a", "b"}),
        (('"a"', '"b" ,"c"'), {"a", "b", "c"}),
        (('""',), {""}),
        (('W/"a"',), set()),
        (('W/"a", "b"',), {"b"}),
    ],
)
def test_if_match_takes_strong_tags(values: tuple[str, ...], wanted: set[str] | None) -> None:
    assert wanted_tags(headers("if-match", *values)) == wanted


@pytest.mark.parametrize("value", ["", "a", "'a'", '"a', '"a",', '*, "a"', '"a" "b"', 'w/"a"', '"a\tb"'])
def test_what_is_no_list_of_tags_is_refused(value: str) -> None:
    with pytest.raises(Invalid):
        wanted_tags(headers("if-match", value))
    with pytest.raises(Invalid):
        is_known(headers("if-none-match", value), "a")


@pytest.mark.parametrize(
    ("values", "known"),
    [((), False), (("*",), True), (('"a"',), True), (('W/"a"',), True), (('"b"',), False), (('"b"', '"a"'), True)],
)
def test_if_none_match_takes_weak_tags_too(values: tuple[str, ...], known: bool) -> None:  # noqa: FBT001  by name
    assert is_known(headers("if-none-match", *values), "a") is known


@pytest.mark.parametrize("value", ['"a"', '""', 'W/"a"', '"a", W/"b"', '"a" ,"b"', "", "a", '"a', '"a" "b"', '*, "a"'])
def test_the_document_has_the_rule(value: str) -> None:
    is_documented = re.search(PATTERN, value) is not None
    try:
        wanted_tags(headers("if-match", value))
    except Invalid:
        assert not is_documented
    else:
        assert is_documented
