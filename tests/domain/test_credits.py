"""Amounts stay within what every JSON reader has exactly."""

import pytest
from pydantic import TypeAdapter, ValidationError

from jinba_mcp.domain.credits import MAX_AMOUNT, MAX_BALANCE, Price

EXACT_IN_JSON = 2**53


def test_no_balance_is_beyond_what_json_readers_have_exactly() -> None:
    assert MAX_BALANCE + MAX_AMOUNT < EXACT_IN_JSON


@pytest.mark.parametrize("price", [-1, 1_000_000_001, 0.5])
def test_a_price_is_a_whole_number_that_is_not_negative(price: float) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Price).validate_python(price)
