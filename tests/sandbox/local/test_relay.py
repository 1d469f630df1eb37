"""What the engine hands on of a worker's progress, which may be anything and come at any rate."""

import json

import pytest

from jinba_mcp.sandbox.local.engine import relay


def test_progress_is_relayed_up_to_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guest's own `progress` is slower, so this is for tools that write past it."""
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    told: list[float] = []
    receive = relay(lambda done, _total, _message: told.append(done))
    assert receive is not None

    def flood() -> int:
        before = len(told)
        for number in range(500):
            receive(json.dumps([number, None, None]).encode())
        return len(told) - before

    assert flood() == 128
    now = 1.0
    assert flood() == 40
    now = 1000.0
    assert flood() == 128


@pytest.mark.parametrize(
    "said",
    [b"", b"[1]", b"{}", b'["1",null,null]', b"[true,null,null]", b"[1e400,null,null]", b"[1,null,{}]", b"[" * 99_999],
)
def test_progress_that_makes_no_sense_is_not_relayed(said: bytes) -> None:
    told: list[object] = []
    receive = relay(lambda *report: told.append(report))
    assert receive is not None

    receive(said)
    receive(b'[1,2,"a\\u0000b"]')

    assert len(told) == 1
    assert "\0" not in str(told[0])


def test_without_anyone_to_report_to_nothing_is_relayed() -> None:
    assert relay(None) is None
