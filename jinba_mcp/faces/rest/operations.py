"""Operations: one method on one path each, and the endpoint that answers all of a path's."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from jinba_mcp.core.core import Core
from jinba_mcp.domain.caller import Caller, CallerKind
from jinba_mcp.domain.errors import JinbaError, MalformedBody
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.rest.validation import validated_query
from jinba_mcp.faces.rest.wire import In, NoQuery
from jinba_mcp.faces.web import limits
from jinba_mcp.faces.web.bodies import read_json_object, read_typed
from jinba_mcp.faces.web.conditions import is_known, wanted_tags
from jinba_mcp.faces.web.credentials import presents_anything
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.faces.web.paths import checked_names
from jinba_mcp.faces.web.problems import method_not_allowed
from jinba_mcp.faces.web.sites import Site

Q = TypeVar("Q", bound=In)
B = TypeVar("B")

_NOBODY = Caller(kind=CallerKind.ORGANIZATION_KEY, grants=())
"""Who asks where no key is needed: someone who may do nothing that asks for a scope."""


class Access(StrEnum):
    """What a request must bring: a scope, or what stands instead of one."""

    NONE = "none"
    """No key."""
    ANY = "any"
    """A key, whatever its scopes."""
    PERSONAL = "personal"
    """A personal key, whatever its scopes."""
    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"
    WRITE_AND_EXECUTE = "write+execute"
    ADMIN = "admin"
    OPERATOR = "operator"
    """Whoever holds the machine, which no request shows: the command line does it, and keys are told so."""
    OWNER = "owner"
    """The organization's owner."""
    ADMIN_OR_SELF = "admin or self"
    """The scope `admin`, but for what one does to oneself."""
    USER_ADMIN = "user+admin"
    """A user: signed in, or with a personal key that was given `admin`."""
    SESSION = "session"
    """A signed-in user; no key."""
    INVITED = "invited"
    """The token in the path, and a user only if there is to be one."""


@dataclass(frozen=True)
class Face:
    """What handlers work with."""

    core: Core
    site: Site
    metrics: Metrics
    max_body_bytes: int
    operations: "tuple[Operation, ...]"


@dataclass(frozen=True)
class Asked(Generic[Q, B]):
    """A request, authenticated and read. `path` holds the names in the URL, unchecked but short and printable."""

    face: Face
    caller: Caller
    path: dict[str, str]
    query: Q
    body: B
    headers: Headers
    scope: Scope
    receive: Receive

    @property
    def base_url(self) -> str:
        """Where clients reach this server."""
        return self.face.site.base_url(self.scope)

    @property
    def core(self) -> Core:
        return self.face.core

    @property
    def if_match(self) -> frozenset[str] | None:
        """The states that the change is meant for; None for any."""
        return wanted_tags(self.headers)


@dataclass(frozen=True)
class Tagged:
    """An answer with the tag of the state that it shows, which goes into the header ETag."""

    model: BaseModel
    tag: str
    location: str | None = None
    """Path of what was made."""


Handler: TypeAlias = Callable[[Any], Awaitable[BaseModel | Tagged | Response | None]]
"""Takes an `Asked`; a model is written as JSON with the operation's status, None as 204."""


@dataclass(frozen=True)
class Operation:
    """A row of the URL table: what the router, the OpenAPI document and the generated tests all read."""

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    access: Access
    response: type[BaseModel] | None
    description: str = ""
    query: type[In] = NoQuery
    body: type[In] | None = None
    status: int = 200
    or_accepted: bool = False
    """Whether it may also be 202 without a body: what was asked for comes later, if at all."""
    errors: tuple[type[JinbaError], ...] = field(default=())
    """Families beside those that follow from the rest of the row."""
    headers: tuple[str, ...] = ()
    """Request headers with a meaning for this operation alone."""
    upload: str | None = None
    """The media type of a body that is taken as it is, as bytes."""

    @property
    def name(self) -> str:
        """`noun_verb`, unique; OpenAPI's operationId."""
        return f"{self.handler.__module__.rpartition('.')[2]}_{self.handler.__name__}"

    @property
    def body_is_optional(self) -> bool:
        return self.body is None or not any(f.is_required() for f in self.body.model_fields.values())


class PathEndpoint:
    """All operations of one path, as an ASGI app, so that a run can watch the raw `receive` for a hang-up."""

    def __init__(self, face: Face, operations: Sequence[Operation]) -> None:
        self._face = face
        self._operations = {operation.method: operation for operation in operations}
        if "GET" in self._operations:
            self._operations["HEAD"] = self._operations["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self._operations.get(scope["method"])
        if operation is None:
            raise method_not_allowed(scope["method"], ", ".join(sorted(self._operations)))
        response = await self._answer(operation, scope, receive)
        await response(scope, receive, send)

    async def _answer(self, operation: Operation, scope: Scope, receive: Receive) -> Response:
        caller = await self._caller(operation.access, scope)
        headers = Headers(scope=scope)
        asked = Asked(
            face=self._face,
            caller=caller,
            path=checked_names(scope["path_params"]),
            query=validated_query(operation.query, scope["query_string"]),
            body=await self._body(operation, receive, headers),
            headers=headers,
            scope=scope,
            receive=receive,
        )
        answer = await operation.handler(asked)
        if answer is None:
            return Response(status_code=204)
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, Tagged):
            return _tagged(answer, operation, headers)
        return Response(answer.model_dump_json(by_alias=True), operation.status, media_type="application/json")

    async def _caller(self, access: Access, scope: Scope) -> Caller:
        core = self._face.core
        if access is Access.NONE or (access is Access.INVITED and not presents_anything(scope)):
            if scope["path"].startswith("/v1"):
                await limits.count_stranger(core, scope)
            return _NOBODY
        caller = await limits.known(core, scope)
        await limits.count(core, scope, caller)
        return caller

    async def _body(self, operation: Operation, receive: Receive, headers: Headers) -> In | bytes | None:
        if operation.upload is not None:
            return await read_typed(receive, headers, operation.upload, self._face.max_body_bytes)
        if operation.body is None:
            return None
        value: JsonObject | None = await read_json_object(receive, headers, self._face.max_body_bytes)
        if value is None:
            if not operation.body_is_optional:
                raise MalformedBody("This needs a body: a JSON object.")
            value = {}
        return operation.body.read(value)


def _tagged(answer: Tagged, operation: Operation, headers: Headers) -> Response:
    said = {"ETag": f'"{answer.tag}"'}
    if operation.method == "GET" and is_known(headers, answer.tag):
        return Response(status_code=304, headers=said)
    if answer.location is not None:
        said["Location"] = answer.location
    return Response(answer.model.model_dump_json(by_alias=True), operation.status, said, "application/json")
