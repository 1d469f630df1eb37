"""Bytes both ways between two connections."""

import socket

import anyio
import pytest

from jinba_mcp.sandbox.egress.relay import Idle, relay


def _pair() -> tuple[socket.socket, socket.socket]:
    near, far = socket.socketpair()
    far.setblocking(False)
    return near, far


async def test_what_came_early_comes_first_and_ends_are_passed_on() -> None:
    client, left = _pair()
    server, right = _pair()
    with client, left, server, right:
        client.sendall(b" and late")
        client.shutdown(socket.SHUT_WR)
        server.sendall(b"answer")
        server.shutdown(socket.SHUT_WR)
        with anyio.fail_after(60):
            await relay(left, right, b"early", idle_s=5, half_closed_s=5)
        assert server.recv(100) == b"early and late"
        assert server.recv(100) == b""
        assert client.recv(100) == b"answer"
        assert client.recv(100) == b""


async def test_silence_ends_it() -> None:
    client, left = _pair()
    server, right = _pair()
    with client, left, server, right, anyio.fail_after(60):
        await relay(left, right, b"", idle_s=0.01, half_closed_s=5)


async def test_silence_after_one_end_ends_it_sooner() -> None:
    client, left = _pair()
    server, right = _pair()
    with client, left, server, right, anyio.fail_after(60):
        client.shutdown(socket.SHUT_WR)
        await relay(left, right, b"", idle_s=60, half_closed_s=0.01)


async def test_a_side_that_fails_ends_the_other() -> None:
    client, left = _pair()
    server, right = _pair()
    with client, left, server, right, anyio.fail_after(60):
        server.shutdown(socket.SHUT_RD)  # writing to it fails, and nothing comes from it
        client.sendall(b"to nobody")
        await relay(left, right, b"", idle_s=60, half_closed_s=60)


async def test_movement_puts_the_end_off() -> None:
    idle = Idle(60)
    idle.scope.deadline -= 50
    idle.moved()
    assert idle.scope.deadline == pytest.approx(anyio.current_time() + 60, abs=10)
