"""The composition root: settings to store, engines and core, and those to the faces. No logic."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import ASGIApp

from jinba_mcp import __version__
from jinba_mcp.clock import system_clock
from jinba_mcp.core import core
from jinba_mcp.core.core import Core
from jinba_mcp.core.engines import INPROCESS, Engines
from jinba_mcp.domain.runs import Run
from jinba_mcp.faces.rest.routes import routes as rest_routes
from jinba_mcp.faces.web.edge import Edge
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.faces.web.sites import Site
from jinba_mcp.faces.worker import beat
from jinba_mcp.sandbox.engine import Limits
from jinba_mcp.sandbox.inprocess import InProcessEngine
from jinba_mcp.settings import Settings
from jinba_mcp.storage.store import Store


@dataclass(frozen=True)
class App:
    """An open application: its core, and below it the store that the `db` commands tend."""

    settings: Settings
    store: Store
    core: Core


@asynccontextmanager
async def opened(settings: Settings, *, observe: Callable[[Run], None] = lambda _: None) -> AsyncIterator[App]:
    """Open store and engines, as they are: nothing is migrated or loaded. Closes both at the end.

    Raises:
        Unavailable: the database cannot be opened.
    """
    store = await Store.open(settings.database)
    engines = Engines({INPROCESS: InProcessEngine(max_threads=settings.inprocess_threads)})
    limits = Limits(
        timeout_s=settings.run_timeout_s,
        output_bytes=settings.run_output_bytes,
        log_bytes=settings.run_log_bytes,
    )
    try:
        yield App(settings, store, core.build(store, engines, system_clock, limits=limits, observe=observe))
    finally:
        await engines.close()
        await store.close()


@dataclass(frozen=True)
class WebApp:
    """What a web server runs, and how to end the streams that would keep it from stopping."""

    asgi: ASGIApp
    close_streams: Callable[[], None]


def web(app: App, metrics: Metrics) -> WebApp:
    """The HTTP faces over an open application."""
    from jinba_mcp.faces.mcp.http import McpHttp  # noqa: PLC0415  takes as long to import as all else, for servers only

    settings = app.settings
    mcp = McpHttp(app.core, __version__, max_body_bytes=settings.max_body_bytes)
    site = Site(public_url=settings.public_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with mcp.running(), beat.beating(app.core):
            yield
            await app.core.runs.drain(0)

    routes = [
        *rest_routes(app.core, site, metrics, max_body_bytes=settings.max_body_bytes),
        *mcp.routes(),
    ]
    edge = Edge(
        Starlette(routes=routes, lifespan=lifespan),
        metrics=metrics,
        public_url=settings.public_url,
        hosts=(settings.host, *settings.allowed_hosts),
        origins=settings.allowed_origins,
    )
    return WebApp(asgi=edge, close_streams=mcp.listeners.close_all)


def toolsets_roots(settings: Settings) -> tuple[Path, ...]:
    """The folders to load at boot: the operator's, or those that we ship."""
    if not settings.load_toolsets:
        return ()
    return settings.toolsets_dirs or (shipped_toolsets(),)


def shipped_toolsets() -> Path:
    """Where the shipped ToolSets lie: inside an installed package, beside it in a checkout."""
    package = Path(str(resources.files("jinba_mcp")))
    installed = package / "shipped_toolsets"
    return installed if installed.is_dir() else package.parent / "toolsets"
