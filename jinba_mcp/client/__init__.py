"""The Python client of a Jinba server: `Jinba`, and `AsyncJinba` for programs that run on an event loop.

Here stands what a program that uses a server needs, and nothing of the server's: this room imports no other of ours, so
that it loads quickly and tells nothing but what REST says. A call is described once, in the file of its noun, as plain
data (`calls.Call`); the two clients differ only in how they wait for its answer.

    from jinba_mcp.client import Jinba

    with Jinba("https://tools.example.com", api_key="jtb_…", organization="acme") as jinba:
        result = jinba.run("greeting-tools", "greet", {"name": "Alice"})
        print(result["output"])
"""

from jinba_mcp.client.clients import AsyncJinba, Jinba
from jinba_mcp.client.errors import (
    AnswerInvalid,
    ClientError,
    Conflict,
    ConnectionFailed,
    DeadlineExceeded,
    Forbidden,
    Internal,
    Invalid,
    LimitExceeded,
    MediaTypeUnsupported,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    PaymentNeeded,
    PreconditionFailed,
    Refused,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from jinba_mcp.client.retries import Retries

__all__ = [
    "AnswerInvalid",
    "AsyncJinba",
    "ClientError",
    "Conflict",
    "ConnectionFailed",
    "DeadlineExceeded",
    "Forbidden",
    "Internal",
    "Invalid",
    "Jinba",
    "LimitExceeded",
    "MediaTypeUnsupported",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotFound",
    "PaymentNeeded",
    "PreconditionFailed",
    "Refused",
    "Retries",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
]
