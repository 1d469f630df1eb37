"""The caller behind a request: its key, from `Authorization` or `X-API-Key`, and the address it comes from."""

from collections.abc import Iterable

from starlette.types import Scope

from jinba_mcp import logs
from jinba_mcp.core.core import Core
from jinba_mcp.domain.caller import Caller, CallerKind
from jinba_mcp.domain.errors import CredentialsConflict, KeyMalformed


async def authenticate(core: Core, scope: Scope) -> Caller:
    """The caller; from here on log lines carry the ids of the key and of its organization.

    Raises:
        Unauthenticated: no key, or not a valid one.
        CredentialsConflict: two different keys in one request.
        AddressForbidden: the key may not be used from there.
    """
    secret = presented_key(scope["headers"])
    client = scope.get("client")
    caller = await core.keys.authenticate(secret, client[0] if client else None)
    logs.key_id.set(caller.key_id)
    if caller.kind is CallerKind.ORGANIZATION_KEY:
        logs.organization_id.set(caller.grants[0].organization_id)
    return caller


def presented_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The one key that the headers carry, unchecked; None when there is none.

    Raises:
        KeyMalformed: `Authorization` has a scheme other than Bearer.
        CredentialsConflict: they carry different keys.
    """
    presented: set[str] = set()
    for name, value in headers:
        if name == b"authorization":
            scheme, _, credential = value.decode("latin-1").strip().partition(" ")
            if scheme and scheme.lower() != "bearer":
                raise KeyMalformed
            presented.add(credential.strip())
        elif name == b"x-api-key":
            presented.add(value.decode("latin-1").strip())
    presented.discard("")
    if len(presented) > 1:
        raise CredentialsConflict
    return presented.pop() if presented else None
