"""Open streams: bounded in number and ended together."""

from contextlib import ExitStack

import pytest

from jinba_mcp.domain.errors import LimitExceeded
from jinba_mcp.faces.mcp.listeners import Listeners


def nothing() -> None:
    """How a stream is ended that nobody ends."""


def test_a_stream_more_than_there_are_places_is_refused_with_what_to_do() -> None:
    listeners = Listeners(max_open=2)
    with (
        listeners.place(nothing),
        listeners.place(nothing),
        pytest.raises(LimitExceeded, match="Try again in a minute"),
        listeners.place(nothing),
    ):
        pytest.fail("there was a third place")


def test_a_place_is_free_again_when_its_stream_ends_however_it_ends() -> None:
    listeners = Listeners(max_open=1)
    with listeners.place(nothing):
        pass
    with pytest.raises(ConnectionError), listeners.place(nothing):
        raise ConnectionError
    with listeners.place(nothing):
        pass


def test_a_refused_stream_takes_no_place() -> None:
    listeners = Listeners(max_open=1)
    with listeners.place(nothing):
        for _ in range(3):
            with pytest.raises(LimitExceeded), listeners.place(nothing):
                pytest.fail("there was a second place")
    with listeners.place(nothing):
        pass


def test_closing_all_ends_the_streams_that_are_open_and_no_others() -> None:
    listeners, ended = Listeners(), list[str]()
    with listeners.place(lambda: ended.append("gone")):
        pass
    with listeners.place(lambda: ended.append("one")), listeners.place(lambda: ended.append("two")):
        listeners.close_all()
        assert ended == ["one", "two"]
    listeners.close_all()
    assert ended == ["one", "two"]


def test_a_stream_may_give_up_its_place_while_it_is_being_ended() -> None:
    listeners, ended = Listeners(), list[int]()
    streams = [ExitStack() for _ in range(3)]
    for number, stream in enumerate(streams):
        stream.callback(ended.append, number)
        stream.enter_context(listeners.place(stream.close))
    listeners.close_all()
    assert ended == [0, 1, 2]


def test_two_streams_with_the_same_way_to_end_hold_two_places() -> None:
    listeners = Listeners(max_open=2)
    with listeners.place(nothing):
        with listeners.place(nothing):
            pass
        with listeners.place(nothing), pytest.raises(LimitExceeded), listeners.place(nothing):
            pytest.fail("there was a third place")
