"""What is made of a head once: the same for the same, another for another, and nothing of what was not looked at."""

from collections.abc import Iterable
from typing import Any

import pytest

from jinba_mcp.domain.errors import KeyMissing
from jinba_mcp.faces.web import heads
from jinba_mcp.faces.web.heads import Fields, Heads, once

HEAD = ((b"host", b"localhost"), (b"authorization", b"Bearer jtb_1"), (b"mcp-method", b"tools/call"))


class Reader:
    """Counts how often it reads, and says what it was given."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, headers: Fields) -> list[tuple[bytes, bytes]]:
        self.count += 1
        return list(headers)


def request(known: Heads, headers: Iterable[tuple[bytes, bytes]] = HEAD) -> dict[str, Any]:
    scope: dict[str, Any] = {"headers": list(headers)}
    known.recognise(scope)
    return scope


def test_the_same_head_is_read_once() -> None:
    known, read = Heads(), Reader()
    assert [once(request(known), read) for _ in range(3)] == [list(HEAD)] * 3
    assert read.count == 1


def test_what_differs_from_one_request_to_the_next_is_not_shown() -> None:
    known, read = Heads(), Reader()
    varying = [(b"content-length", b"%d"), (b"x-request-id", b"%d"), (b"traceparent", b"%d")]
    for number in range(3):
        said = [(name, value % number) for name, value in varying]
        assert once(request(known, [*HEAD, *said]), read) == list(HEAD)
    assert read.count == 1


@pytest.mark.parametrize("name", sorted(heads._STEADY | {b"mcp-name", b"mcp-param-region"}))
def test_a_head_that_differs_in_anything_that_is_read_is_another(name: bytes) -> None:
    known, read = Heads(), Reader()
    seen = [once(request(known, [(name, value)]), read) for value in (b"a", b"b")]
    assert seen == [[(name, b"a")], [(name, b"b")]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([(b"host", b"a"), (b"origin", b"b")], [(b"origin", b"b"), (b"host", b"a")]),
        ([(b"host", b"a"), (b"host", b"b")], [(b"host", b"ab")]),
        ([(b"mcp-a", b"bc")], [(b"mcp-ab", b"c")]),
    ],
)
def test_fields_are_not_taken_for_others_that_run_together(one: Any, other: Any) -> None:
    known, read = Heads(), Reader()
    assert once(request(known, one), read) == one
    assert once(request(known, other), read) == other


def test_each_reader_has_its_own() -> None:
    known = Heads()
    assert once(request(known), lambda headers: len(list(headers))) == 3
    assert once(request(known), lambda headers: next(iter(headers))) == HEAD[0]


def test_nothing_is_a_result_too() -> None:
    known, read = Heads(), Reader()

    def nothing(headers: Fields) -> None:
        read(headers)

    for _ in range(2):
        once(request(known), nothing)
    assert read.count == 1


def test_a_refusal_is_not_remembered() -> None:
    known = Heads()

    def refuse(_: Fields) -> None:
        raise KeyMissing

    for _ in range(2):
        with pytest.raises(KeyMissing):
            once(request(known), refuse)


def test_heads_that_are_not_sent_any_more_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_MAX_HEADS", 2)
    known, read = Heads(), Reader()
    for value in (b"1", b"2", b"1", b"3", b"1", b"2"):
        once(request(known, [(b"host", value)]), read)
    assert read.count == 4


def test_a_long_head_is_read_each_time_and_not_kept() -> None:
    known, read = Heads(), Reader()
    for _ in range(2):
        once(request(known, [(b"host", b"x" * 5_000)]), read)
    assert read.count == 2


def test_no_secret_is_kept_under_what_a_head_is_known_by() -> None:
    known = Heads()
    once(request(known), lambda _: 1)
    assert b"jtb_1" not in b"".join(known._known)


def test_without_an_edge_in_front_a_head_is_read_each_time() -> None:
    read = Reader()
    for _ in range(2):
        assert once({"headers": list(HEAD)}, read) == list(HEAD)
    assert read.count == 2
