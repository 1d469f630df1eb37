"""A path that was asked for before goes past the router, and is answered as before."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from jinba_mcp.faces.web import shortcut
from jinba_mcp.faces.web.shortcut import Shortcut


class Named:
    """Tells the method, the route and the names that it was called with."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = f"{scope['method']} {scope['route'].path} {scope['path_params']}"
        await PlainTextResponse(text)(scope, receive, send)


async def plain(_: object) -> PlainTextResponse:
    return PlainTextResponse("plain")


class Counting(Starlette):
    """Counts what comes by the long way."""

    def __init__(self) -> None:
        routes = [Route("/a/{name}", Named()), Route("/{name}", Named()), Route("/plain/x", plain)]
        super().__init__(routes=[*routes, Mount("/in", routes=[Route("/{name}", Named())])])
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        await super().__call__(scope, receive, send)


async def ask(app: Shortcut, path: str, method: str = "GET", root_path: str = "") -> tuple[int, str]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "root_path": root_path}
    await app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"].decode()


async def test_each_time_route_and_names_are_the_same_and_the_first_that_fits_wins() -> None:
    inner = Counting()
    app = Shortcut(inner)
    for method in ("GET", "POST", "GET"):
        assert await ask(app, "/a/b", method) == (200, f"{method} /a/{{name}} {{'name': 'b'}}")
        assert await ask(app, "/b", method) == (200, f"{method} /{{name}} {{'name': 'b'}}")
    assert inner.asked == []


@pytest.mark.parametrize(
    ("path", "status"), [("/plain/x", 200), ("/nothing/at/all", 404), ("/in/b", 200), ("/a/b/", 307)]
)
async def test_what_is_no_endpoint_of_its_own_goes_the_long_way_each_time(path: str, status: int) -> None:
    inner = Counting()
    app = Shortcut(inner)
    assert [(await ask(app, path))[0] for _ in range(2)] == [status, status]
    assert inner.asked == [path, path]


async def test_below_a_root_path_the_router_looks() -> None:
    inner = Counting()
    app = Shortcut(inner)
    await ask(app, "/b")
    assert await ask(app, "/root/b", root_path="/root") == (200, "GET /{name} {'name': 'b'}")
    assert inner.asked == ["/root/b"]


async def test_only_so_many_paths_of_some_length_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortcut, "_MAX_PATHS", 3)
    app = Shortcut(Counting())
    for path in ("/1", "/2", "/3", "/1", "/4", "/" + "x" * 500):
        assert (await ask(app, path))[0] == 200
    assert list(app._known) == ["/3", "/1", "/4"]
