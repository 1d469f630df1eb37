"""Limits on HTTP: each request is counted, for its key or for the address that nobody known sends it from."""

from starlette.types import Scope

from jinba_mcp.core.core import Core
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import AddressForbidden, Unauthenticated
from jinba_mcp.faces.web.credentials import authenticate
from jinba_mcp.faces.web.standing import note


async def known(core: Core, scope: Scope) -> Caller:
    """The caller, whose request is not counted yet; a wrong credential counts for the address that it comes from.

    Raises:
        RateExceeded: too many wrong ones from this address.
        Unauthenticated, CredentialsConflict, AddressForbidden, CsrfFailed: as `credentials.authenticate`.
    """
    try:
        return await authenticate(core, scope)
    except (Unauthenticated, AddressForbidden):
        await count_stranger(core, scope)
        raise


async def count(core: Core, scope: Scope, caller: Caller) -> None:
    """Count a request of this caller, for the organization that its path names.

    Raises:
        RateExceeded: too many for the key or the organization.
        LimitsUnavailable: the counters cannot be reached.
    """
    note(scope, await core.limits.request(caller, scope.get("path_params", {}).get("org")))


async def count_stranger(core: Core, scope: Scope) -> None:
    """Count a request of nobody known for the address that it comes from.

    Raises:
        RateExceeded: too many from there.
        LimitsUnavailable: the counters cannot be reached.
    """
    client = scope.get("client")
    note(scope, await core.limits.stranger(client[0] if client else None))
