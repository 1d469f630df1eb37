"""Forwards one exchange in plain HTTP. Both sides are parsed and written anew, so they cannot be read in two ways."""

from collections.abc import Callable

import anyio
import h11

from jinba_mcp.sandbox.egress import heads
from jinba_mcp.sandbox.egress.heads import Wanted
from jinba_mcp.sandbox.egress.peer import Peer


class ServerFailed(Exception):
    """The server ended, or spoke nonsense, before its answer was whole."""


async def forward(client: Peer, server: Peer, request: h11.Request, wanted: Wanted, moved: Callable[[], None]) -> None:
    """Send a request on and its answer back, calling `moved` whenever something has moved.

    Returns when the answer is whole, even if the request is not, and when the client is gone.

    Raises:
        ServerFailed: the rest of the answer will not come.
        h11.RemoteProtocolError: the request is not what it began as.
        OSError: the client is gone.
    """
    exchange = _Exchange(client, server, moved)
    headers = heads.request_headers(request, wanted.destination)
    with anyio.CancelScope() as scope:
        exchange.end = scope.cancel
        await exchange.run(h11.Request(method=request.method, target=wanted.target or "/", headers=headers))
    if exchange.problem is not None:
        raise exchange.problem


class _Exchange:
    def __init__(self, client: Peer, server: Peer, moved: Callable[[], None]) -> None:
        self._client = client
        self._server = server
        self._moved = moved
        self.end: Callable[[], None] = lambda: None
        self.problem: Exception | None = None

    async def run(self, request: h11.Request) -> None:
        async with anyio.create_task_group() as ways:
            ways.start_soon(self._upload, request)
            ways.start_soon(self._download)

    def _fail(self, problem: Exception) -> None:
        self.problem = problem
        self.end()

    async def _upload(self, request: h11.Request) -> None:
        if await self._sent(request):
            try:
                while not isinstance(event := await self._client.receive(), h11.EndOfMessage):
                    self._moved()
                    if not (isinstance(event, h11.Data) and await self._sent(h11.Data(data=event.data))):
                        break
                else:
                    await self._sent(h11.EndOfMessage())
            except (h11.RemoteProtocolError, OSError) as error:
                self._fail(error)
                return
        await self._client.gone()
        self.end()

    async def _sent(self, event: h11.Event) -> bool:
        """Whether the server took it; one that has heard enough may still be answering."""
        try:
            await self._server.send(event)
        except OSError:
            return False
        return True

    async def _download(self) -> None:
        while True:
            try:
                event = await self._server.receive()
            except (h11.RemoteProtocolError, OSError) as error:
                self._fail(ServerFailed(str(error)))
                return
            self._moved()
            try:
                await self._pass_back(event)
            except OSError as error:
                self._fail(error)
                return
            if isinstance(event, h11.EndOfMessage):
                self.end()
                return

    async def _pass_back(self, event: h11.Event) -> None:
        if isinstance(event, h11.InformationalResponse):
            if self._client.http.their_http_version == b"1.1":
                headers = heads.end_to_end(event)
                await self._client.send(h11.InformationalResponse(status_code=event.status_code, headers=headers))
        elif isinstance(event, h11.Response):
            headers = heads.end_to_end(event)
            await self._client.send(h11.Response(status_code=event.status_code, reason=event.reason, headers=headers))
        elif isinstance(event, h11.Data):
            await self._client.send(h11.Data(data=event.data))
        elif isinstance(event, h11.EndOfMessage):
            await self._client.send(h11.EndOfMessage())
