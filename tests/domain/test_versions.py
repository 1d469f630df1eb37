"""Versions: numbers that only rise, digests that only content moves, and diffs."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from jinba_mcp.domain import versions
from jinba_mcp.domain.errors import FieldsInvalid, VersionExists
from jinba_mcp.domain.toolsets import Content
from jinba_mcp.domain.versions import NUMBER_PATTERN, Marks, Version
from tests.domain.generated import modestly

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

NUMBERS = st.builds(
    semver.Version,
    *[st.integers(0, 12)] * 3,
    prerelease=st.none() | st.sampled_from(["rc.1", "rc.2", "alpha"]),
    build=st.none() | st.sampled_from(["b1", "b2"]),
).map(str)
DRAFTS = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["one", "two"]))
"""Slugs of tools and what they say."""


def content_of(tools: dict[str, str], **fields: object) -> Content:
    described = [
        {"slug": slug, "name": slug, "description": text, "code": "def run(): ...", "input_schema": {"type": "object"}}
        for slug, text in sorted(tools.items())
    ]
    return Content.model_validate({"name": "Some tools", "tools": described, **fields})


def a_version(**marks: object) -> Version:
    fields = {"id": "ver_1", "toolset_id": "ts_1", "number": "1.0.0", "digest": "sha256:1"}
    return Version.model_validate(
        {**fields, "origin": "operator", "published_by": "operator", "created_at": NOON, **marks}
    )


def test_the_first_number_of_all_is_1_0_0() -> None:
    assert versions.next_number(None) == "1.0.0"
    assert versions.checked_number("1.0.0", None) == "1.0.0"


@modestly
@given(NUMBERS)
def test_the_next_number_may_always_be_published(latest: str) -> None:
    following = versions.next_number(latest)
    assert versions.checked_number(following, latest) == following


@pytest.mark.parametrize(("latest", "following"), [("1.0.0", "1.0.1"), ("2.9.9", "2.9.10"), ("0.0.0", "0.0.1")])
def test_the_next_number_is_the_next_patch(latest: str, following: str) -> None:
    assert versions.next_number(latest) == following


@modestly
@given(NUMBERS, NUMBERS)
def test_of_two_numbers_at_most_one_may_follow_the_other(one: str, other: str) -> None:
    def may_follow(number: str, latest: str) -> bool:
        try:
            return versions.checked_number(number, latest) == number
        except VersionExists:
            return False

    assert not (may_follow(one, other) and may_follow(other, one))
    assert not may_follow(one, one)


@pytest.mark.parametrize(
    ("number", "latest"),
    [
        ("1.0.0", "1.0.0"),
        ("1.9.0", "1.10.0"),
        ("1.0.0-rc.1", "1.0.0"),
        ("1.0.0-rc.2", "1.0.0-rc.10"),
        ("1.0.0+new", "1.0.0+old"),
    ],
)
def test_a_number_that_does_not_exceed_the_latest_is_refused(number: str, latest: str) -> None:
    """Precedence as in semver 2.0.0 §11."""
    with pytest.raises(VersionExists) as refused:
        versions.checked_number(number, latest)
    assert refused.value.details == {"latest": latest}
    assert latest in refused.value.message


@pytest.mark.parametrize(
    "number",
    ["", "1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.0\n", " 1.0.0", "1٣.0.0", "latest", "1.0.x", "-1.0.0"],
)
def test_a_number_that_is_not_semver_is_refused(number: str) -> None:
    with pytest.raises(FieldsInvalid) as refused:
        versions.checked_number(number, None)
    assert refused.value.details["errors"] == [
        {"pointer": "/version", "detail": "not a semantic version such as 1.4.0"}
    ]


def test_the_digest_is_a_sha_256_that_stays_the_same() -> None:
    """A change of this value makes every published version look changed: it needs a migration."""
    assert versions.digest(Content(name="Empty")) == (
        "sha256:4bcdcc479ab237f3431feebc309427e8df571837869ee12d87556497735fc877"
    )


@modestly
@given(st.permutations(["type", "properties", "required", "title"]))
def test_the_digest_does_not_depend_on_the_order_of_keys(order: list[str]) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"b": {}, "a": {}}, "required": ["a"], "title": "T"}

    def digest_with(input_schema: dict[str, Any]) -> str:
        tool = {"slug": "t", "name": "T", "code": "", "input_schema": input_schema}
        return versions.digest(Content.model_validate({"name": "N", "tools": [tool]}))

    assert digest_with({name: schema[name] for name in order}) == digest_with(schema)


@modestly
@given(DRAFTS, DRAFTS)
def test_two_contents_have_the_same_digest_only_when_they_are_the_same(
    one: dict[str, str], other: dict[str, str]
) -> None:
    assert (versions.digest(content_of(one)) == versions.digest(content_of(other))) is (one == other)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Other"},
        {"description": "x"},
        {"language": "typescript"},
        {"packages": [{"name": "rich"}]},
        {"sandbox": {"network": True}},
    ],
)
def test_everything_that_a_version_freezes_moves_the_digest(fields: dict[str, object]) -> None:
    assert versions.digest(content_of({"a": "one"}, **fields)) != versions.digest(content_of({"a": "one"}))


def test_marks_are_set_and_taken_back_with_what_was_said_to_them() -> None:
    deprecated = a_version().marked(Marks(deprecated=True, deprecation_message="Use 2.0.0."), NOON)
    assert (deprecated.deprecated_at, deprecated.warnings) == (NOON, ("Version 1.0.0 is deprecated: Use 2.0.0.",))
    later = NOON.replace(hour=13)
    both = deprecated.marked(Marks(deprecated=True, yanked=True), later)
    assert (both.deprecated_at, both.yanked_at) == (NOON, later)
    assert both.warnings == ("Version 1.0.0 is deprecated: Use 2.0.0.", "Version 1.0.0 is yanked.")
    assert both.marked(Marks(deprecated=False, yanked=False), later) == a_version()


def test_a_mark_that_is_not_given_stays_and_a_reason_alone_marks_nothing() -> None:
    yanked = a_version(yanked_at=NOON, yank_reason="It leaks.")
    assert yanked.marked(Marks(), NOON) == yanked
    assert yanked.marked(Marks(yank_reason="It leaks badly."), NOON).warnings == (
        "Version 1.0.0 is yanked: It leaks badly.",
    )
    assert a_version().marked(Marks(yank_reason="No."), NOON) == a_version()


@given(NUMBERS | st.text("0123456789.-+abA", max_size=12) | st.from_regex(NUMBER_PATTERN))
def test_the_pattern_of_numbers_says_what_the_check_says(number: str) -> None:
    is_one = re.search(NUMBER_PATTERN, number.removesuffix("\n")) is not None
    try:
        versions.checked_number(number.removesuffix("\n"), None)
    except FieldsInvalid:
        assert not is_one
    else:
        assert is_one
