"""The caller behind a request: its key, from `Authorization` or `X-API-Key`, or else the session of its cookie.

A key wins over a cookie, which browsers send unasked. What changes something and comes with a cookie alone must come
from a page of ours: the browser says `Sec-Fetch-Site: same-origin`, which no page can (Fetch Metadata, W3C), or the
page sends the session's CSRF token.

A request that never was on a wire may bring its caller with it (`in_the_name_of`): no server puts anything that a
client sends under a key of our own in the scope.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from jinba_mcp import logs
from jinba_mcp.core.core import Core
from jinba_mcp.domain.caller import Caller, CallerKind
from jinba_mcp.domain.errors import CredentialsConflict, CsrfFailed, KeyMalformed
from jinba_mcp.domain.keys import Presented
from jinba_mcp.domain.sessions import is_csrf_token
from jinba_mcp.faces.web.cookies import session_token
from jinba_mcp.faces.web.heads import Fields, once

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""They change nothing (RFC 9110, 9.2.1)."""
_CALLER = "jinba.caller"
"""Where in the scope the caller of a request in process stands."""


def in_the_name_of(caller: Caller, app: ASGIApp) -> ASGIApp:
    """The app for requests made in this process, whose caller is known beforehand."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, _CALLER: caller}, receive, send)

    return answer


async def authenticate(core: Core, scope: Scope) -> Caller:
    """The caller; from here on log lines carry the ids of the key and of its organization.

    Raises:
        CsrfFailed: a change that comes with a cookie, and not from a page of ours.
        Unauthenticated: no key, or not a valid one.
        CredentialsConflict: two different keys in one request.
        AddressForbidden: the key may not be used from there.
    """
    given: Caller | None = scope.get(_CALLER)
    if given is not None:
        return given
    presented = once(scope, presented_key)
    token = None if presented is not None else session_token(scope["headers"])
    if token is not None:
        caller = await core.sessions.authenticate(token)
        _check_csrf(scope, token)
        return caller
    client = scope.get("client")
    caller = await core.keys.recognise(presented, client[0] if client else None)
    logs.key_id.set(caller.key_id)
    if caller.kind is CallerKind.ORGANIZATION_KEY:
        logs.organization_id.set(caller.grants[0].organization_id)
    return caller


def presents_anything(scope: Scope) -> bool:
    """Whether the request comes with a key or a session's cookie, good or not."""
    return once(scope, presented_key) is not None or session_token(scope["headers"]) is not None


def _check_csrf(scope: Scope, token: str) -> None:
    if scope["method"] in _SAFE_METHODS:
        return
    headers = Headers(scope=scope)
    if headers.get("sec-fetch-site") == "same-origin" or is_csrf_token(headers.get("x-csrf-token", ""), token):
        return
    raise CsrfFailed


def presented_key(headers: Fields) -> Presented | None:
    """The one key that the headers carry; None when there is none.

    Raises:
        KeyMalformed: `Authorization` has a scheme other than Bearer.
        CredentialsConflict: they carry different keys.
    """
    secrets: set[str] = set()
    for name, value in headers:
        if name == b"authorization":
            scheme, _, credential = value.decode("latin-1").strip().partition(" ")
            if scheme and scheme.lower() != "bearer":
                raise KeyMalformed
            secrets.add(credential.strip())
        elif name == b"x-api-key":
            secrets.add(value.decode("latin-1").strip())
    secrets.discard("")
    if len(secrets) > 1:
        raise CredentialsConflict
    return Presented.of(secrets.pop()) if secrets else None
