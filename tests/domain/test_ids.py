"""Identifiers name their noun and sort by time."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinba_mcp.domain import ids
from tests.domain.generated import INSTANTS, modestly

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

KINDS = [
    (ids.organization_id, "org_"),
    (ids.user_id, "user_"),
    (ids.key_id, "key_"),
    (ids.toolset_id, "ts_"),
    (ids.version_id, "ver_"),
    (ids.run_id, "run_"),
]


@pytest.mark.parametrize(("make", "prefix"), KINDS)
def test_an_id_is_its_nouns_prefix_and_26_characters_of_crockford_base32(
    make: Callable[[datetime], str], prefix: str
) -> None:
    assert re.fullmatch(prefix + "[0-7][0-9A-HJKMNP-TV-Z]{25}", make(NOON))


@modestly
@given(INSTANTS, st.timedeltas(timedelta(milliseconds=1), timedelta(days=400)))
def test_an_id_made_later_sorts_later(at: datetime, gap: timedelta) -> None:
    later = min(at + gap, datetime(9999, 12, 31, tzinfo=UTC)) if at.year < 9990 else at + timedelta(milliseconds=1)
    assert ids.run_id(at) < ids.run_id(later)


def test_ids_of_the_same_instant_differ() -> None:
    assert len({ids.run_id(NOON) for _ in range(1_000)}) == 1_000


def test_ids_of_the_same_millisecond_share_their_time() -> None:
    assert {ids.run_id(NOON + timedelta(microseconds=n))[:14] for n in (0, 1, 999)} == {ids.run_id(NOON)[:14]}


@pytest.mark.parametrize("text", ["a", "7", "text-tools", "a--b", "x" * 63])
def test_lower_case_letters_digits_and_inner_hyphens_are_a_slug(text: str) -> None:
    assert ids.is_slug(text)


@pytest.mark.parametrize(
    "text", ["", "-a", "a-", "A", "a_b", "a.b", "a/b", "a b", "é", "٣", "a\n", "\na", "x" * 64, "..", "ts_a"]
)
def test_anything_else_is_no_slug(text: str) -> None:
    assert not ids.is_slug(text)


def test_no_id_can_be_taken_for_a_slug() -> None:
    assert not any(ids.is_slug(make(NOON).lower()) for make, _ in KINDS)


def test_the_next_credit_id_sorts_right_behind_the_one_before() -> None:
    first = ids.credit_id(datetime(2026, 11, 21, tzinfo=UTC))
    following = [first]
    for _ in range(100):
        following.append(ids.credit_id_after(following[-1]))
    assert following == sorted(set(following))
    assert len({len(each) for each in following}) == 1
    assert following[-1] < ids.credit_id(datetime(2026, 11, 22, tzinfo=UTC))
