"""Frames over a socket, in whatever pieces they come."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from jinba_mcp.sandbox.guest.channel import CALL, PROGRESS, RESULT, Channel, framed

Ends = tuple[socket.socket, Channel]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, Channel(theirs.fileno())


def test_frames_are_read_one_by_one_however_they_come(ends: Ends) -> None:
    ours, channel = ends
    frames = framed(CALL, b"one") + framed(CALL, b"") + framed(CALL, b"x" * 100_000)

    def trickle() -> None:
        for start in (0, 1, 5, 9):
            end = {0: 1, 1: 5, 5: 9, 9: len(frames)}[start]
            ours.sendall(frames[start:end])

    thread = threading.Thread(target=trickle)
    thread.start()

    assert [channel.read() for _ in range(3)] == [(CALL, b"one"), (CALL, b""), (CALL, b"x" * 100_000)]
    thread.join()


def test_the_end_is_an_end(ends: Ends) -> None:
    ours, channel = ends
    ours.sendall(framed(CALL, b"whole")[:-1])
    ours.close()

    with pytest.raises(EOFError):
        channel.read()


def test_frames_of_several_threads_are_never_mixed(ends: Ends) -> None:
    ours, channel = ends
    reader = Channel(ours.fileno())
    threads = [
        threading.Thread(target=channel.write, args=(kind, bytes([kind]) * 500_000)) for kind in (RESULT, PROGRESS)
    ]
    for thread in threads:
        thread.start()

    frames = [reader.read() for _ in threads]

    assert all(payload == bytes([kind]) * 500_000 for kind, payload in frames)
    for thread in threads:
        thread.join()


def test_a_frame_that_goes_out_in_pieces_arrives_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = bytearray()

    def write(_fd: int, data: bytes) -> int:
        sent.extend(data[:3])
        return len(data[:3])

    monkeypatch.setattr(os, "write", write)

    Channel(1).write(RESULT, b"0123456789")

    assert bytes(sent) == framed(RESULT, b"0123456789")
