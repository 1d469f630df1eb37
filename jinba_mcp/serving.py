"""The part of the composition root that puts the HTTP faces over an open application: for servers, see `at_hand`."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.types import ASGIApp

from jinba_mcp import __version__
from jinba_mcp.app import App
from jinba_mcp.faces.mcp.http import McpHttp
from jinba_mcp.faces.rest.routes import routes as rest_routes
from jinba_mcp.faces.web.edge import Edge
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.faces.web.sites import Site
from jinba_mcp.faces.worker import beat, deliveries, rounds


@dataclass(frozen=True)
class WebApp:
    """What a web server runs, and how to end the streams that would keep it from stopping."""

    asgi: ASGIApp
    close_streams: Callable[[], None]


def web(app: App, metrics: Metrics) -> WebApp:
    """The HTTP faces over an open application."""
    settings = app.settings
    mcp = McpHttp(app.core, __version__, max_body_bytes=settings.max_body_bytes)
    site = Site(public_url=settings.public_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with (
            mcp.running(),
            beat.beating(app.core),
            rounds.going(app.core),
            deliveries.delivering(app.core),
        ):
            yield
            await app.core.runs.drain(0)

    # The router tries one after the other, and these few are asked most.
    routes = [
        *mcp.routes(),
        *rest_routes(app.core, site, metrics, max_body_bytes=settings.max_body_bytes),
    ]
    edge = Edge(
        Starlette(routes=routes, lifespan=lifespan),
        metrics=metrics,
        public_url=settings.public_url,
        hosts=(settings.host, *settings.allowed_hosts),
        origins=settings.allowed_origins,
    )
    return WebApp(asgi=edge, close_streams=mcp.listeners.close_all)
