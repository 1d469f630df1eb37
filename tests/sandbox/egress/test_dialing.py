"""Connecting to the first of several addresses that answers."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import anyio
import pytest

from jinba_mcp.domain.addresses import IPAddress
from jinba_mcp.sandbox.egress import dialing
from jinba_mcp.sandbox.egress.dialing import dial
from tests.sandbox.egress.worlds import listening

HERE = ip_address("127.0.0.1")
NOBODY = ip_address("127.77.0.1")


@pytest.fixture
def port() -> Iterator[int]:
    with listening() as listener:
        yield listener.getsockname()[1]


async def test_an_address_that_refuses_gives_way_to_the_next(port: int) -> None:
    with await dial([NOBODY, ip_address("::1"), HERE], port) as connection:
        assert connection.getpeername() == ("127.0.0.1", port)
        assert not connection.getblocking()


async def test_an_address_that_is_silent_is_overtaken(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = dialing._connect

    async def slow(address: IPAddress, port: int) -> socket.socket:
        if address == NOBODY:
            await anyio.sleep_forever()
        return await connect(address, port)

    monkeypatch.setattr(dialing, "_connect", slow)
    monkeypatch.setattr(dialing, "HEAD_START_S", 0.01)
    with await dial([NOBODY, HERE], port) as connection:
        assert connection.getpeername()[0] == "127.0.0.1"
    with pytest.raises(TimeoutError, match="in time"):
        await dial([NOBODY], port, connect_s=0.02)


async def test_the_error_of_the_last_address_is_told(port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        await dial([NOBODY], port)


def test_families_take_turns() -> None:
    v4 = [ip_address(f"1.1.1.{n}") for n in range(3)]
    v6 = [ip_address(f"2606::{n}") for n in range(1)]
    assert dialing._ordered([*v6, *v4]) == [v6[0], v4[0], v4[1], v4[2]]
    assert dialing._ordered([*v4, *v6]) == [v4[0], v6[0], v4[1], v4[2]]


async def test_a_connection_that_came_second_is_closed(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []
    both = anyio.Event()

    async def together(_: IPAddress, port: int) -> socket.socket:
        mine = socket.create_connection(("127.0.0.1", port))
        opened.append(mine)
        if len(opened) == 2:
            both.set()
        with anyio.CancelScope(shield=True):
            await both.wait()
        return mine

    monkeypatch.setattr(dialing, "_connect", together)
    monkeypatch.setattr(dialing, "HEAD_START_S", 0.01)
    with await dial([HERE, NOBODY], port) as winner:
        assert [connection.fileno() == -1 for connection in opened] == [
            connection is not winner for connection in opened
        ]


async def test_a_dial_that_is_called_off_leaves_nothing_open(port: int) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await dial([HERE], port)
    assert scope.cancelled_caught


async def test_a_dial_that_is_called_off_after_it_was_won_closes_what_it_won(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    won: list[socket.socket] = []
    run = dialing._Race.run

    async def run_and_wait(race: dialing._Race, addresses: list[IPAddress]) -> None:
        await run(race, addresses)
        assert race.winner is not None
        won.append(race.winner)
        raise RuntimeError("called off")

    monkeypatch.setattr(dialing._Race, "run", run_and_wait)

    with pytest.raises(RuntimeError, match="called off"):
        await dial([HERE], port)

    assert won[0].fileno() == -1
