"""The part of the composition root that gives commands REST without a server, and without what servers import."""

import sys

from starlette.applications import Starlette
from starlette.types import ASGIApp

from jinba_mcp.app import App
from jinba_mcp.domain.caller import Caller
from jinba_mcp.faces.rest.routes import routes as rest_routes
from jinba_mcp.faces.web.credentials import in_the_name_of
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.faces.web.problems import EXCEPTION_HANDLERS
from jinba_mcp.faces.web.sites import Site


def rest(app: App, caller: Caller, *, base_url: str) -> ASGIApp:
    """The REST face in process, in the name of `caller`: without the guards and limits of the network."""
    routes = rest_routes(app.core, Site(public_url=base_url), Metrics(), max_body_bytes=sys.maxsize)
    return in_the_name_of(caller, Starlette(routes=routes, exception_handlers=EXCEPTION_HANDLERS))
