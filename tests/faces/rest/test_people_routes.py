"""The rows of the URL table that are about people."""

import re

import pytest

from jinba_mcp.domain.errors import Forbidden, LimitExceeded
from jinba_mcp.faces.rest.operations import Access, Operation
from jinba_mcp.faces.rest.people_routes import PEOPLE
from jinba_mcp.faces.rest.routes import OPERATIONS


def test_every_row_is_in_the_table_once() -> None:
    assert [each for each in PEOPLE if OPERATIONS.count(each) != 1] == []


@pytest.mark.parametrize("operation", PEOPLE, ids=lambda operation: operation.name)
def test_whatever_takes_a_password_may_be_slowed_down(operation: Operation) -> None:
    fields = operation.body.model_fields if operation.body is not None else {}
    if any("password" in name for name in fields):
        assert LimitExceeded in operation.errors


def test_what_needs_nobody_is_signing_up_and_in_tokens_and_nothing_else() -> None:
    open_to_all = {each.path for each in PEOPLE if each.access is Access.NONE}
    assert all(re.search(r"/sign-(up|in)|/password/reset|{token}", path) for path in open_to_all), open_to_all


def test_ones_own_credentials_are_no_keys_business() -> None:
    own = [each for each in PEOPLE if each.path.startswith("/v1/auth/") and each.access is not Access.NONE]
    assert {each.access for each in own} == {Access.SESSION}
    assert Forbidden in next(each for each in PEOPLE if each.path.endswith("/sign-up")).errors
