"""What the kernel tells about a call that waits; `test_broker.py` has real ones."""

import ctypes
import errno
import os
import select

import pytest

from jinba_mcp.sandbox.egress import notifications
from jinba_mcp.sandbox.egress.notifications import Listener, Notification

_NO_LISTENER = 1_000_000


def _notification(*arguments: int, thread: int | None = None, number: int = 42) -> Notification:
    return Notification(_NO_LISTENER, 1, os.getpid() if thread is None else thread, 0xC000_003E, number, arguments)


def test_only_connect_is_connect() -> None:
    assert _notification(0).is_connect
    assert not _notification(0, number=41).is_connect
    assert not Notification(-1, 1, 1, 0x4000_0003, 42, ()).is_connect  # another architecture's numbers


def test_the_flags_of_a_descriptor_are_told() -> None:
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        assert _notification(reading).flags() & (os.O_NONBLOCK | os.O_CLOEXEC) == os.O_NONBLOCK | os.O_CLOEXEC
        assert _notification(reading | 1 << 32).flags() == _notification(reading).flags()  # the kernel takes 32 bits
    finally:
        os.close(reading)
        os.close(writing)
    with pytest.raises(FileNotFoundError):
        _notification(reading).flags()


@pytest.mark.parametrize("place", [0, 1, 2**47, 2**63, 2**64 - 1])
def test_an_address_that_is_nowhere_is_an_error(place: int) -> None:
    with pytest.raises(OSError, match="nowhere") as caught:
        _notification(0, place, 16).address()
    assert caught.value.errno == errno.EFAULT


def test_an_address_is_not_read_beyond_its_greatest_length() -> None:
    buffer = ctypes.create_string_buffer(1000)
    with pytest.raises(OSError, match="too long"):
        _notification(0, ctypes.addressof(buffer), 129).address()


def test_an_address_is_worth_nothing_if_its_caller_may_be_another_by_now() -> None:
    buffer = ctypes.create_string_buffer(16)
    with pytest.raises(OSError, match="Bad file descriptor"):  # asked of the listener, which is none here
        _notification(0, ctypes.addressof(buffer), 16).address()


def test_a_caller_that_cannot_be_seen_has_no_address() -> None:
    with pytest.raises(FileNotFoundError):
        _notification(0, 0, 16, thread=0).address()


def test_a_listener_without_a_call_is_not_asked() -> None:
    reading, writing = os.pipe()
    try:
        assert notifications.receive(reading) is None
        os.close(writing)
        assert select.select([reading], [], [], 0)[0]
        with pytest.raises(EOFError):
            notifications.receive(reading)
    finally:
        os.close(reading)


def test_a_listener_is_closed_unless_somebody_took_it() -> None:
    reading, writing = os.pipe()
    kept, closed = Listener(reading), Listener(writing)

    assert kept.detach() == reading
    kept.close()
    closed.close()
    closed.close()

    os.close(reading)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.close(writing)


@pytest.mark.parametrize("error", [errno.ENOENT, errno.EINTR, errno.ENOMEM])
def test_a_call_that_was_taken_back_is_none_and_other_failures_are_told(
    monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("fcntl.ioctl", refuse)
    reading, writing = os.pipe()
    os.write(writing, b"x")
    try:
        if error == errno.ENOMEM:
            with pytest.raises(OSError, match="memory"):
                notifications.receive(reading)
        else:
            assert notifications.receive(reading) is None
    finally:
        os.close(reading)
        os.close(writing)
