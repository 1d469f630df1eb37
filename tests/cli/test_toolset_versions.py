"""`jinba-mcp toolsets` on versions, on the local registry and on a served one."""

import pytest

from tests.cli.conftest import Jinba


def test_a_version_is_deprecated_and_its_callers_are_warned(either: Jinba) -> None:
    said = either("toolsets", "deprecate", "greeting-tools", "1.0.0", "--message", "use wave-tools")
    assert (said.code, said.out) == (0, "greeting-tools 1.0.0 is deprecated.\n")
    marked = either("toolsets", "versions", "greeting-tools", "--json").json["data"][0]
    assert (marked["deprecatedAt"] is not None, marked["deprecationMessage"]) == (True, "use wave-tools")
    assert " deprecated " in either("toolsets", "versions", "greeting-tools").out
    undone = either("toolsets", "deprecate", "greeting-tools", "1.0.0", "--undo", "--json").json
    assert undone["deprecatedAt"] is None


def test_a_yanked_version_is_active_no_longer(either: Jinba) -> None:
    yanked = either("toolsets", "yank", "greeting-tools", "1.0.0", "--reason", "wrong", "--json").json
    assert (yanked["yankedAt"] is not None, yanked["yankReason"]) == (True, "wrong")
    assert either("toolsets", "list", "--json").json["data"][0]["publishedVersion"] is None
    assert either("toolsets", "yank", "greeting-tools", "1.0.0", "--undo").out.endswith("is no longer yanked.\n")
    assert either("toolsets", "activate", "greeting-tools", "1.0.0").out == "greeting-tools 1.0.0 is active.\n"


def test_publishing_what_is_published_is_refused(either: Jinba) -> None:
    ended = either("toolsets", "publish", "greeting-tools")
    assert (ended.code, ended.out) == (1, "")
    assert "Nothing changed since version 1.0.0" in ended.err


def test_the_draft_can_be_compared(either: Jinba) -> None:
    assert either("toolsets", "diff", "greeting-tools", "1.0.0", "draft").out == "Nothing differs.\n"


def test_a_mark_that_is_taken_back_has_nothing_to_say(greeter: Jinba) -> None:
    for verb, option in (("deprecate", "--message"), ("yank", "--reason")):
        ended = greeter("toolsets", verb, "greeting-tools", "1.0.0", option, "x", "--undo")
        assert (ended.code, ended.out) == (2, "")


@pytest.mark.parametrize("verb", ["deprecate", "yank"])
def test_a_version_that_is_not_there_is_refused(either: Jinba, verb: str) -> None:
    ended = either("toolsets", verb, "greeting-tools", "9.9.9")
    assert (ended.code, ended.out) == (1, "")
    assert "9.9.9" in ended.err
