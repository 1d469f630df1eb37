"""The shortcut: a path that was asked for before goes straight to its endpoint, past middleware and table of routes."""

from collections import OrderedDict
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

_MAX_PATHS = 2_000
_MAX_PATH_LENGTH = 500


class Shortcut:
    """An app in front of an app of which every route is an ASGI app that answers all methods.

    What an endpoint raises is raised here, too: there is no middleware that would answer it.
    """

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._known: OrderedDict[str, tuple[Route, dict[str, Any]]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._found(scope) if scope["type"] == "http" and not scope.get("root_path") else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = found
        await found[0].app(scope, receive, send)

    def _found(self, scope: Scope) -> tuple[Route, dict[str, Any]] | None:
        path = scope["path"]
        found = self._known.get(path)
        if found is not None:
            self._known.move_to_end(path)
            return found
        for route in self._app.router.routes:
            if isinstance(route, Route) and route.methods is None:
                match, child = route.matches(scope)
                if match is Match.FULL:
                    return self._keep(path, route, child["path_params"])
        return None

    def _keep(self, path: str, route: Route, names: dict[str, Any]) -> tuple[Route, dict[str, Any]]:
        if len(path) <= _MAX_PATH_LENGTH:
            self._known[path] = route, names
            if len(self._known) > _MAX_PATHS:
                self._known.popitem(last=False)
        return route, names
