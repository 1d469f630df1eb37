"""Who is at the other end, and that nobody else is taken for it."""

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from jinba_mcp.sandbox.local import peers

_SAY = "import os, sys; os.write(int(sys.argv[1]), b'hello'); os.read(int(sys.argv[1]), 1)"


class Peer:
    """A process that says hello and waits."""

    def __init__(self) -> None:
        self.line, theirs = socket.socketpair()
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        number = theirs.fileno()
        self.process = subprocess.Popen([sys.executable, "-I", "-S", "-c", _SAY, str(number)], pass_fds=[number])
        theirs.close()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.end()
    made.line.close()


def test_the_kernel_says_who_speaks(peer: Peer) -> None:
    assert peers.heard(peer.line, 100) == (b"hello", peer.process.pid)

    peer.line.setblocking(False)
    assert peers.heard(peer.line, 100) is None


def test_a_line_that_was_hung_up_says_nothing(peer: Peer) -> None:
    peers.heard(peer.line, 100)
    peer.end()

    assert peers.heard(peer.line, 100) == (b"", 0)


def test_who_speaks_can_be_held(peer: Peer) -> None:
    peers.heard(peer.line, 100)

    pidfd = peers.held(peer.process.pid, peer.line)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    os.close(pidfd)

    assert peer.process.wait(60) == -signal.SIGKILL


def test_another_process_of_the_same_number_is_not_held(peer: Peer) -> None:
    peers.heard(peer.line, 100)
    peer.end()

    # Its number may have been given to another by now: to us, say.
    assert peers.held(os.getpid(), peer.line) == -1


def test_a_process_that_is_no_more_is_not_held(peer: Peer) -> None:
    peer.end()

    assert peers.held(peer.process.pid, peer.line) == -1


def test_without_descriptors_who_cannot_be_held_is_killed(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    peers.heard(peer.line, 100)

    def refuse(_pid: int) -> int:
        raise OSError(errno.EMFILE, "no more")

    monkeypatch.setattr("os.pidfd_open", refuse)

    with pytest.raises(OSError, match="no more"):
        peers.held(peer.process.pid, peer.line)
    assert peer.process.wait(60) == -signal.SIGKILL
