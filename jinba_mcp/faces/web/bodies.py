"""Request bodies: read whole, never beyond a limit in bytes or in time, and only as the JSON they claim to be."""

import anyio
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import MalformedBody, MediaTypeUnsupported, TooLarge
from jinba_mcp.domain.records import JsonObject

DEADLINE_S = 30.0


async def read_body(receive: Receive, headers: Headers, max_bytes: int, *, deadline_s: float = DEADLINE_S) -> bytes:
    """All of the body, whether its length was announced or not.

    Raises:
        TooLarge: it is, or announces to be, longer than `max_bytes`.
        MalformedBody: it announces a length that is no number, or does not arrive within `deadline_s`.
        starlette.requests.ClientDisconnect: the client hung up in the middle.
    """
    _check_announced(headers.get("content-length"), max_bytes)
    chunks: list[bytes] = []
    size = 0
    with anyio.move_on_after(deadline_s):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > max_bytes:
                raise _too_large(max_bytes)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    raise MalformedBody(f"The body did not arrive within {deadline_s:g} seconds. Send it again, whole.")


async def read_json_object(receive: Receive, headers: Headers, max_bytes: int) -> JsonObject | None:
    """The body as a JSON object; None when there is no body at all.

    Raises:
        MediaTypeUnsupported: it does not claim to be JSON in UTF-8, or is compressed.
        MalformedBody: it is not JSON, or JSON but no object.
        TooLarge: longer than `max_bytes`.
    """
    raw = await read_body(receive, headers, max_bytes)
    if not raw:
        return None
    check_type(headers)
    value = json_values.parse(raw)
    if not isinstance(value, dict):
        raise MalformedBody("The body is JSON, but not an object. Send one, such as {}.")
    return value


def check_type(headers: Headers) -> None:
    """Raises: MediaTypeUnsupported: the body does not claim to be JSON in UTF-8, or is compressed."""
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise MediaTypeUnsupported("Compressed bodies are not read here. Send it without Content-Encoding.")
    content_type = headers.get("content-type", "")
    if content_type == "application/json":
        return
    essence, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if essence != "application/json" and not (essence.startswith("application/") and essence.endswith("+json")):
        raise MediaTypeUnsupported("The body has to be JSON. Send it with 'Content-Type: application/json'.")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            raise MediaTypeUnsupported("JSON is read as UTF-8 only. Send it with 'charset=utf-8' or without charset.")


def _check_announced(length: str | None, max_bytes: int) -> None:
    if length is None:
        return
    if not (length.isascii() and length.isdigit()):
        raise MalformedBody("Content-Length is not a number.")
    # Compared by length first: int() itself refuses thousands of digits.
    if len(length.lstrip("0")) > len(str(max_bytes)) or int(length) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The body is too large: at most {max_bytes} bytes are read here.", maxBytes=max_bytes)
