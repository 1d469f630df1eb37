"""Reads what a request to the proxy asks for, and says which headers travel on (RFC 9110 §7.6, RFC 9112 §3.2, §6)."""

import re
from dataclasses import dataclass

import h11

from jinba_mcp.domain.addresses import Destination
from jinba_mcp.sandbox.egress.gate import Refused

Headers = list[tuple[bytes, bytes]]

_ABSOLUTE = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>[/?][^#]*)?")
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for: a tunnel or, if there is a target in origin form, one exchange in plain HTTP."""

    destination: Destination
    target: str | None = None


def read(request: h11.Request) -> Wanted:
    """What a request asks for.

    Raises:
        Refused: it is not for a proxy, can be understood in two ways, or names no plain destination.
    """
    names = [name for name, _ in request.headers]
    if request.http_version not in {b"1.0", b"1.1"}:
        raise Refused(505, "http_request_error", "This proxy speaks HTTP/1.1.")
    if b"transfer-encoding" in names and (b"content-length" in names or request.http_version == b"1.0"):
        raise _bad("the request has a body of two lengths")
    target = request.target.decode("ascii")
    if request.method == b"CONNECT":
        if b"transfer-encoding" in names or b"content-length" in names:
            raise _bad("CONNECT takes no body")
        return Wanted(_destination(target, None))
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        raise _bad("this is an HTTP proxy, and takes absolute http:// addresses and CONNECT")
    if found["scheme"].lower() != "http":
        raise _bad(f"{found['scheme'][:20]}:// is asked for with CONNECT")
    rest = found["rest"] or ("*" if request.method == b"OPTIONS" else "/")
    return Wanted(_destination(found["authority"], 80), f"/{rest}" if rest.startswith("?") else rest)


def _destination(authority: str, default_port: int | None) -> Destination:
    try:
        return Destination.parse(authority, default_port)
    except ValueError as error:
        raise _bad(f"the host of the address {error}") from None


def _bad(problem: str) -> Refused:
    return Refused(400, "http_request_error", f"Not understood: {problem}.")


def request_headers(request: h11.Request, destination: Destination) -> Headers:
    """What goes on to the server: the host that was checked, whatever the request said, and one exchange only."""
    host = destination.host if ":" not in destination.host else f"[{destination.host}]"
    if destination.port != 80:  # noqa: PLR2004  the port of http
        host = f"{host}:{destination.port}"
    kept = [pair for pair in end_to_end(request) if pair[0].lower() != b"host"]
    return [(b"Host", host.encode()), *kept, (b"Connection", b"close")]


def end_to_end(message: h11.Request | h11.Response | h11.InformationalResponse) -> Headers:
    """The headers that are for the other end, and the length of the body."""
    headers = message.headers
    named = {option.strip().lower() for name, value in headers if name == b"connection" for option in value.split(b",")}
    # Host and the length are not for a message to take from itself.
    dropped = _HOP_BY_HOP | (named - {b"host", b"content-length"})
    is_chunked = any(name == b"transfer-encoding" for name, _ in headers)
    kept = [
        (raw, value)
        for (raw, value), (name, _) in zip(headers.raw_items(), headers, strict=True)
        if name not in dropped and not (is_chunked and name == b"content-length")
    ]
    return [*kept, (b"Transfer-Encoding", b"chunked")] if is_chunked else kept
