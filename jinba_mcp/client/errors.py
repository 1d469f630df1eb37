"""Every error of the client, by family.

ClientError
├ Refused                  the server said no: code, status, request_id, details
│ ├ Invalid                400, 422
│ ├ Unauthenticated        401
│ ├ PaymentNeeded          402
│ ├ Forbidden              403
│ ├ NotFound               404
│ ├ MethodNotAllowed       405
│ ├ NotAcceptable          406
│ ├ Conflict               409
│ ├ PreconditionFailed     412
│ ├ TooLarge               413
│ ├ MediaTypeUnsupported   415
│ ├ LimitExceeded          429
│ ├ Internal               500
│ └ Unavailable            503
├ ConnectionFailed         nobody answered, or not to the end
├ DeadlineExceeded         the answer did not come in time
└ AnswerInvalid            what answered is no Jinba server, or says more than was agreed to
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

_OWN_FIELDS = frozenset({"type", "title", "status", "detail", "code", "requestId"})


class ClientError(Exception):
    """Root of the tree."""


class ConnectionFailed(ClientError):
    """Nobody answered, or not to the end."""


class DeadlineExceeded(ClientError):
    """The answer, repeats included, did not come within `timeout_s`."""


class AnswerInvalid(ClientError):
    """What came back cannot be used: it is no JSON, too large, compressed, or a redirect."""


class Refused(ClientError):
    """The server said no. Its text is the problem's `detail`, which says what to do next (RFC 9457)."""

    def __init__(
        self, detail: str, *, status: int, code: str, request_id: str | None = None, details: Mapping[str, Any]
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        """Stable, such as `tool.not_found`: what programs decide by."""
        self.request_id = request_id
        """Finds the request in the server's log."""
        self.details = dict(details)
        """What else the problem holds, such as `errors`, `required`, `held` or `runId`."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword arguments are not what pickle calls an exception with, which processes pass to one another.
        said = partial(type(self), str(self), status=self.status, code=self.code)
        return partial(said, request_id=self.request_id, details=self.details), ()


class Invalid(Refused):
    """The request itself is wrong; `details["errors"]` names each fault."""


class Unauthenticated(Refused):
    """The key is missing or not valid (any more)."""


class PaymentNeeded(Refused):
    """The organization's credits do not suffice."""


class Forbidden(Refused):
    """The key lacks a scope, or may not be used like this."""


class NotFound(Refused):
    """There is no such thing, or not for this key."""


class MethodNotAllowed(Refused):
    """The path exists, the method does not: the server is older or newer than this client."""


class NotAcceptable(Refused):
    """The server has no form of the answer that was asked for."""


class Conflict(Refused):
    """Not in the state that it is in."""


class PreconditionFailed(Refused):
    """Someone changed it since it was read (`if_match`)."""


class TooLarge(Refused):
    """The request is over a size limit of the server's."""


class MediaTypeUnsupported(Refused):
    """The server does not read this type of body."""


class LimitExceeded(Refused):
    """Too much, for now; the repeats are used up."""


class Internal(Refused):
    """The server's fault; `request_id` finds the cause in its log."""


class Unavailable(Refused):
    """The server cannot, for now; the repeats are used up."""


FAMILIES: dict[int, type[Refused]] = {
    400: Invalid,
    401: Unauthenticated,
    402: PaymentNeeded,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    406: NotAcceptable,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    415: MediaTypeUnsupported,
    422: Invalid,
    429: LimitExceeded,
    500: Internal,
    503: Unavailable,
}
"""The class for each status that a server answers with."""


def refusal(status: int, body: bytes) -> ClientError:
    """The error that an answer with this status means, whether or not its body is a problem document."""
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        family = FAMILIES.get(status)
        if family not in (LimitExceeded, Unavailable):
            return AnswerInvalid(f"What answered with status {status} does not look like a Jinba server.")
        # A proxy in front of the server speaks for it in these two.
        return family(f"Something in front of the server answered {status}.", status=status, code="", details={})
    request_id = problem.get("requestId")
    return FAMILIES.get(status, Refused)(
        str(problem.get("detail", "")),
        status=status,
        code=problem["code"],
        request_id=request_id if isinstance(request_id, str) else None,
        details={name: value for name, value in problem.items() if name not in _OWN_FIELDS},
    )
