"""The part of the table that is about authoring: what guards against lost edits is on every change of a draft."""

import pytest

from jinba_mcp.faces.rest.authoring_routes import AUTHORING
from jinba_mcp.faces.rest.operations import Access, Operation

CHANGES = [row for row in AUTHORING if row.method != "GET"]
UNGUARDED = {"toolsets_create": "there is nothing yet", "versions_mark": "marks are set, not edited"}


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: row.name)
def test_every_change_needs_write_and_can_name_the_state_that_it_is_for(row: Operation) -> None:
    assert row.access is Access.WRITE
    assert ("If-Match" in row.headers) is (row.name not in UNGUARDED)


def test_what_can_be_edited_is_shown_with_its_tag() -> None:
    tagged = {row.name for row in AUTHORING if "If-None-Match" in row.headers}
    assert tagged == {"toolsets_show", "tools_show"}


def test_the_word_import_is_looked_for_before_any_slug() -> None:
    paths = [row.path for row in AUTHORING]
    assert paths.index("/v1/orgs/{org}/toolsets/import") < paths.index("/v1/orgs/{org}/toolsets/{slug}")
