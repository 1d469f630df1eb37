"""The host's side of zygotes and workers, played by hand: it kills none, so that each can go its way to the end."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Any

from jinba_mcp.sandbox.guest.channel import HEADER
from jinba_mcp.sandbox.local.jobs import Job
from jinba_mcp.sandbox.local.zygotes import Ended, Zygote

_PATIENCE_S = 60.0


class Hosted:
    """One worker, ordered from a zygote."""

    def __init__(self, zygote: Zygote, job: Job, private: Mapping[str, Any] | None = None) -> None:
        is_program = job.command is not None
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(_PATIENCE_S)
        pipes = [os.pipe() for _ in range(3 if is_program else 2)]
        self._files = [os.fdopen(reading, "rb") for reading, _writing in pipes]
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        given = [theirs.detach(), *(writing for _reading, writing in pipes)]
        if is_program:
            os.fchmod(given[-1], 0o666)
        zygote.order(job.order(private), given, self.ended.set_result)
        for descriptor in given:
            os.close(descriptor)

    async def said(self, *frames: bytes) -> list[tuple[int, bytes]]:
        """Say this, close the line, and hear all that is answered until the worker has ended."""
        return await asyncio.to_thread(self._said, frames)

    def _said(self, frames: tuple[bytes, ...]) -> list[tuple[int, bytes]]:
        with self.socket:
            for frame in frames:
                self.socket.sendall(frame)
            self.socket.shutdown(socket.SHUT_WR)
            heard = bytearray()
            # Reset, if it has ended without reading all.
            with contextlib.suppress(ConnectionResetError):
                while data := self.socket.recv(65_536):
                    heard += data
        answers = []
        while heard:
            kind, length = HEADER.unpack_from(heard)
            answers.append((kind, bytes(heard[HEADER.size : HEADER.size + length])))
            del heard[: HEADER.size + length]
        return answers

    def printed(self) -> tuple[bytes, bytes]:
        """What it wrote to its standard output and error; to be asked for once, when it has ended."""
        with contextlib.ExitStack() as opened:
            output, errors, *_result = (opened.enter_context(each) for each in self._files)
            return output.read(), errors.read()


async def let_go(zygote: Zygote) -> None:
    """Close the line to a zygote, which ends then, and wait for that."""
    zygote.control.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(_PATIENCE_S):
        while zygote.is_alive:  # noqa: ASYNC110  nothing else tells that its loop has heard of it
            await asyncio.sleep(0.01)
