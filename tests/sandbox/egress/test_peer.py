"""One side of an exchange."""

import socket

import anyio
import h11
import pytest

from jinba_mcp.sandbox.egress import peer as peers
from jinba_mcp.sandbox.egress.gate import Refused
from jinba_mcp.sandbox.egress.peer import Peer


def _peer() -> tuple[socket.socket, Peer]:
    far, near = socket.socketpair()
    near.setblocking(False)
    return far, Peer(near, h11.SERVER)


async def test_a_refusal_carries_its_sentence_twice() -> None:
    far, peer = _peer()
    with far, peer.socket:
        assert peer.can_answer
        await peer.refuse(Refused(403, "http_request_denied", "No, since it is so."))
        assert not peer.can_answer
        assert far.recv(1000) == (
            b"HTTP/1.1 403 No, since it is so.\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Length: 20\r\n"
            b"Proxy-Status: jinba; error=http_request_denied\r\nConnection: close\r\n\r\nNo, since it is so.\n"
        )


async def test_what_comes_after_the_end_is_no_event() -> None:
    far, peer = _peer()
    with far, peer.socket:
        far.sendall(b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\nGET")
        assert isinstance(await peer.receive(), h11.Request)
        assert isinstance(await peer.receive(), h11.EndOfMessage)
        with pytest.raises(h11.RemoteProtocolError):
            await peer.receive()


async def test_a_side_that_ends_is_gone_and_one_that_speaks_is_not() -> None:
    far, peer = _peer()
    with far, peer.socket:
        far.sendall(b"x")
        with anyio.move_on_after(0.01) as waiting:
            await peer.gone()
        assert waiting.cancelled_caught
        assert peer.socket.recv(1) == b"x"
        far.shutdown(socket.SHUT_WR)
        with anyio.fail_after(60):
            await peer.gone()


async def test_lingering_takes_in_what_comes_and_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "LINGER_S", 0.01)
    far, peer = _peer()
    with far, peer.socket, anyio.fail_after(60):
        far.sendall(b"x" * 1000)
        await peer.linger()
        assert far.recv(1) == b""
        monkeypatch.setattr(peers, "LINGER_S", 60)
        monkeypatch.setattr(peers, "LINGER_BYTES", 10)
        far.sendall(b"x" * 1000)
        await peer.linger()
