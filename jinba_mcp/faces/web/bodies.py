"""Request bodies: read whole, never beyond a limit in bytes or in time, and only as the JSON they claim to be."""

import asyncio
from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import MalformedBody, MediaTypeUnsupported, TooLarge
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.web.heads import Fields

DEADLINE_S = 30.0
_OF_TYPE = {name.encode(): name for name in ("content-encoding", "content-type")}


def type_headers(raw: Fields) -> dict[str, str]:
    """What headers say of the type of the body, by their names in lower case; of several of one name the first."""
    found: dict[str, str] = {}
    for name, value in raw:
        if name in _OF_TYPE:
            found.setdefault(_OF_TYPE[name], value.decode("latin-1"))
    return found


def announced_length(raw: Fields) -> str | None:
    """What the first Content-Length says, if there is one."""
    for name, value in raw:
        if name == b"content-length":
            return value.decode("latin-1").rstrip(" \t")
    return None


async def read_body(
    receive: Receive, announced: str | None, max_bytes: int, *, deadline_s: float = DEADLINE_S
) -> bytes:
    """All of the body, whether its length was announced or not.

    Raises:
        TooLarge: it is, or announces to be, longer than `max_bytes`.
        MalformedBody: it announces a length that is no number, or does not arrive within `deadline_s`.
        starlette.requests.ClientDisconnect: the client hung up in the middle.
    """
    _check_announced(announced, max_bytes)
    task, is_late = asyncio.current_task(), False

    def give_up() -> None:
        nonlocal is_late
        is_late = True
        if task is not None:
            task.cancel()

    # As `asyncio.timeout`, at a tenth of its cost: nearly every body is there when it is asked for.
    timer = asyncio.get_running_loop().call_later(deadline_s, give_up)
    try:
        return await _all_of(receive, max_bytes)
    except asyncio.CancelledError:
        if task is None or not is_late or task.uncancel():
            raise
        raise MalformedBody(f"The body did not arrive within {deadline_s:g} seconds. Send it again, whole.") from None
    finally:
        timer.cancel()


async def _all_of(receive: Receive, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
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


async def read_json_object(receive: Receive, headers: Mapping[str, str], max_bytes: int) -> JsonObject | None:
    """The body as a JSON object; None when there is no body at all.

    Raises:
        MediaTypeUnsupported: it does not claim to be JSON in UTF-8, or is compressed.
        MalformedBody: it is not JSON, or JSON but no object.
        TooLarge: longer than `max_bytes`.
    """
    raw = await read_body(receive, headers.get("content-length"), max_bytes)
    if not raw:
        return None
    check_type(headers)
    value = json_values.parse(raw)
    if not isinstance(value, dict):
        raise MalformedBody("The body is JSON, but not an object. Send one, such as {}.")
    return value


async def read_typed(receive: Receive, headers: Mapping[str, str], media_type: str, max_bytes: int) -> bytes:
    """The body as it is, which has to claim to be of `media_type`.

    Raises:
        MediaTypeUnsupported: it claims to be something else, or is compressed once more.
        TooLarge: longer than `max_bytes`.
    """
    raw = await read_body(receive, headers.get("content-length"), max_bytes)
    essence = headers.get("content-type", "").partition(";")[0].strip().lower()
    if essence != media_type or headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise MediaTypeUnsupported(f"Send the body with 'Content-Type: {media_type}' and without Content-Encoding.")
    return raw


def check_type(headers: Mapping[str, str]) -> None:
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
