"""The page of errors: whatever a problem points to is there."""

from jinba_mcp.domain import errors
from jinba_mcp.faces.web import error_docs
from jinba_mcp.faces.web.problems import type_url


def test_every_type_of_a_problem_is_an_anchor_of_the_page() -> None:
    page = error_docs.page()
    for error in (errors.KeyMissing, errors.ScopeMissing, errors.ToolNotFound, errors.Internal):
        assert f"id='{type_url(error.code).partition('#')[2]}'" in page
        assert error.code in page


def test_every_code_is_there_once() -> None:
    codes = [error.code for error in error_docs.documented_errors()]
    assert len(codes) == len(set(codes)) > 30
