"""Input that hypothesis makes up for the tests of this room, and how much of it."""

from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st

modestly = settings(max_examples=settings().max_examples // 2)
"""Enough to find a slip, few enough for every run of the suite."""

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
"""Any Unicode text but lone surrogates."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)

INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  bounds
