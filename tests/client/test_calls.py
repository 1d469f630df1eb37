"""Calls as data."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from jinba_mcp.client.calls import Answer, Call, document, given, guarded, json_content, path, query_of


def test_names_are_one_segment_each_whatever_they_hold() -> None:
    assert path("toolsets", "a/b?c#d%é", "run") == "/toolsets/a%2Fb%3Fc%23d%25%C3%A9/run"
    assert path("toolsets", "greeting-tools@1.0.0+build") == "/toolsets/greeting-tools@1.0.0%2Bbuild"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_would_change_the_path_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a name"):
        path("toolsets", name)


def test_a_path_is_below_the_organization_unless_it_is_nobodys() -> None:
    assert Call("GET", "/runs", document).target("acme") == "/v1/orgs/acme/runs"
    assert Call("GET", "/runs", document, organization="a/b").target("acme") == "/v1/orgs/a%2Fb/runs"
    assert Call("GET", "/me", document, is_in_organization=False).target("acme") == "/v1/me"


def test_what_is_not_given_is_not_asked_and_times_go_out_in_utc() -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=9)))
    assert query_of(q=None, limit=2, since=noon) == {"limit": "2", "since": "2026-11-21T03:00:00.000Z"}
    with pytest.raises(ValueError, match="zone"):
        query_of(since=datetime(2026, 11, 21, 12, tzinfo=UTC).replace(tzinfo=None))


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}])
def test_what_json_has_no_form_for_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_content({"value": value})


def test_what_is_sent_is_not_shown() -> None:
    call = Call("PUT", "/env/TOKEN", document, **json_content({"value": "hidden"}))
    assert "hidden" not in repr(call)


def test_a_guarded_change_keeps_its_other_headers() -> None:
    assert guarded({"headers": {"A": "b"}}, '"t"')["headers"] == {"A": "b", "If-Match": '"t"'}
    assert guarded({"content": b""}, None) == {"content": b""}


@pytest.mark.parametrize(
    ("method", "is_repeatable"), [("GET", True), ("PUT", True), ("DELETE", True), ("PATCH", False)]
)
def test_a_call_is_repeatable_by_its_method_or_its_key(method: str, is_repeatable: bool) -> None:  # noqa: FBT001  a parameter
    assert Call(method, "/runs", document).is_repeatable is is_repeatable
    assert Call("POST", "/runs", document, headers={"Idempotency-Key": "k"}).is_repeatable
    assert not Call("POST", "/runs", document).is_repeatable


def test_the_tag_of_a_state_comes_with_its_document() -> None:
    assert document(Answer(b'{"a": 1}', '"t"')) == {"a": 1, "etag": '"t"'}
    assert document(Answer(b'{"a": 1}', None)) == {"a": 1}


def test_what_was_not_said_is_left_out_and_what_is_false_or_empty_is_not() -> None:
    assert given(name=None, enabled=False, notes="", version="1.0.0") == {
        "enabled": False,
        "notes": "",
        "version": "1.0.0",
    }
