"""How a request stands among the limits, in the head of its answer.

In the form of the IETF's draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy: "key";q=600;w=60` and
`RateLimit: "key";r=599;t=60`, of the window that is nearest to its end.
"""

import math
from typing import Any

from starlette.types import Scope

from jinba_mcp.core.limits import Counted
from jinba_mcp.domain.errors import RateExceeded

_COUNTED = "jinba.counted"
"""Where it is left in the ASGI scope how the request was counted."""


def note(scope: Scope, counted: Counted | None) -> None:
    """Keep how the request was counted for the head of its answer."""
    scope[_COUNTED] = counted


def said(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers that tell how a request was counted; none where it was not."""
    counted: Counted | None = scope.get(_COUNTED)
    if counted is None:
        return []
    standing, window = counted.standing, counted.window
    told = _said(counted.whose, window.count, window.seconds, standing.remaining, math.ceil(standing.reset_s))
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in told.items()]


def of_refusal(error: RateExceeded) -> dict[str, str]:
    """What the head of a refusal says."""
    told: dict[str, Any] = error.details
    return _said(told["limit"], told["allowed"], told["periodSeconds"], 0, told["retryAfter"])


def _said(whose: str, count: int, seconds: int, remaining: int, reset_s: int) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"{whose}";q={count};w={seconds}',
        "RateLimit": f'"{whose}";r={remaining};t={reset_s}',
    }
