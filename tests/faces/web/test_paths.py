"""Names in a path, before anyone looks for them."""

import pytest

from jinba_mcp.domain.errors import NotFound
from jinba_mcp.faces.web.paths import MAX_NAME_LENGTH, checked_names


def test_names_that_could_be_are_left_as_they_are() -> None:
    names = {"org": "default", "slug": "漢字@1.0.0", "tool": "a" * MAX_NAME_LENGTH}
    assert checked_names(names) == names


@pytest.mark.parametrize("name", ["a" * (MAX_NAME_LENGTH + 1), "a\x00b", "a\nb", "\x1b[31m"])
def test_names_that_nothing_can_have_are_not_found_and_shown_without_what_does_not_print(name: str) -> None:
    with pytest.raises(NotFound) as refused:
        checked_names({"org": "default", "slug": name})
    assert refused.value.message.isprintable()
