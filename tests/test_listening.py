"""Whether a connection that arrives at a server's end is closed."""

import asyncio
import gc
import socket
import warnings
from contextlib import suppress

import anyio
import pytest
from anyio.abc import SocketStream

from tests.listening import listening


async def _hold(stream: SocketStream) -> None:
    async with stream:
        await anyio.sleep_forever()


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_arrives_at_the_end_is_closed(turns: int) -> None:
    with warnings.catch_warnings(record=True) as unclosed:
        warnings.simplefilter("always")
        async with listening(_hold) as port:
            await anyio.sleep(0.01)  # until it waits
            client = socket.create_connection(("127.0.0.1", port))
            for _ in range(turns):
                await asyncio.sleep(0)
        gc.collect()
    assert not unclosed
    with client, suppress(ConnectionResetError):  # It may have been accepted or not.
        client.settimeout(10)
        assert client.recv(1) == b""
