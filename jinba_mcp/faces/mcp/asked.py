"""What is asked of an endpoint, read as far as the fast lane understands it; all else is the SDK's to judge.

Nothing is refused here: a request that is odd in any way is not understood, and the SDK says what is wrong with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mcp.server.streamable_http import check_accept_headers
from mcp.shared.inbound import (
    InboundModernRoute,
    classify_inbound_request,
    find_invalid_x_mcp_header,
    validate_mcp_param_headers,
    x_mcp_header_map,
)
from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, DEFAULT_NEGOTIATED_VERSION
from mcp_types import PROTOCOL_VERSION_META_KEY as VERSION_META_KEY
from mcp_types.methods import validate_client_request
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from pydantic import JsonValue, ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.types import Scope

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import MalformedBody
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.faces.mcp import translate
from jinba_mcp.faces.web.heads import Fields, once

SchemaOf = Callable[[str], Mapping[str, Any] | None]
"""The input schema of the tool of that name, where there is one."""

_PARAMS = {
    "initialize": {"protocolVersion", "capabilities", "clientInfo", "_meta"},
    "server/discover": {"_meta"},
    "ping": {"_meta"},
    "tools/list": {"cursor", "_meta"},
    "tools/call": {"name", "arguments", "_meta"},
}
"""Methods and the parameters that may come with them; which era has which method, the SDK's tables know."""

_READ = frozenset({b"accept", b"content-type", b"mcp-protocol-version", b"mcp-method", b"mcp-name"})
_ENVELOPE = frozenset({VERSION_META_KEY, CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY})
_RESERVED = "io.modelcontextprotocol/"
_JSON = "application/json"
_MAX_ENVELOPE_BYTES = 2_000


@dataclass(frozen=True)
class Asked:
    """One request that was understood. `version` is the protocol's, as the SDK would have it."""

    id: int | str
    method: str
    params: JsonObject | None
    version: str
    client_info: JsonValue = None
    client_capabilities: JsonValue = None

    @property
    def is_modern(self) -> bool:
        """Whether it is of the era without handshakes."""
        return self.version in MODERN_PROTOCOL_VERSIONS

    @property
    def client_name(self) -> str | None:
        """What the program that asks calls itself, if it does."""
        info = self.client_info
        return translate.called_itself(str(info["name"]), str(info["version"])) if isinstance(info, dict) else None


def understood(scope: Scope, body: bytes, schema_of: SchemaOf) -> Asked | None:
    """The request that an HTTP request with this body makes; None where it needs the SDK."""
    headers = once(scope, _plain_headers) if scope["method"] == "POST" else None
    if headers is None:
        return None
    try:
        message = json_values.parse(body)
    except MalformedBody:
        return None
    if not isinstance(message, dict) or message.keys() - {"params"} != {"jsonrpc", "id", "method"}:
        return None
    version = headers.get("mcp-protocol-version", DEFAULT_NEGOTIATED_VERSION)
    asked = _request(message, version)
    if asked is None or not asked.is_modern:
        return asked
    return asked if _is_routed(message, headers) and _is_mirrored(asked, headers, schema_of) else None


def trimmed(raw: Fields) -> list[tuple[bytes, bytes]]:
    """The same without the whitespace behind values, which is no part of them (RFC 9110, 5.5).

    httptools leaves it in place, and MCP compares such values with the body.
    """
    return [(name, value.rstrip(b" \t")) for name, value in raw]


def _plain_headers(raw: Fields) -> dict[str, str] | None:
    """The headers that MCP reads; None if one comes twice, or is odd, or is one that is not read here."""
    found: dict[str, str] = {}
    for name, value in trimmed(raw):
        if name in _READ:
            key = name.decode("ascii")
            if key in found:
                return None
            found[key] = value.decode("latin-1")
        elif name.startswith(b"mcp-") or name == b"last-event-id":
            return None
    return found if _is_plain(found) else None


def _is_plain(headers: Mapping[str, str]) -> bool:
    version = headers.get("mcp-protocol-version")
    return (
        (version is None or version in HANDSHAKE_PROTOCOL_VERSIONS or version in MODERN_PROTOCOL_VERSIONS)
        and headers.get("content-type", "").partition(";")[0].rstrip() == _JSON
        and _takes_both(headers.get("accept", ""))
    )


def _takes_both(accept: str) -> bool:
    request = Request({"type": "http", "headers": [(b"accept", accept.encode("latin-1"))]})
    return check_accept_headers(request) == (True, True)


def _request(message: JsonObject, version: str) -> Asked | None:
    number, method, params = message["id"], message["method"], message.get("params")
    if message["jsonrpc"] != "2.0" or isinstance(number, bool) or not isinstance(number, int | str):
        return None
    if not isinstance(method, str) or method not in _PARAMS or not isinstance(params, dict | None):
        return None
    given = params or {}
    meta = given.get("_meta", {})
    if given.keys() - _PARAMS[method] or not isinstance(meta, dict) or not _is_bare(meta, version):
        return None
    if not _is_valid(method, version, params):
        return None
    return Asked(
        number, method, params, version, meta.get(CLIENT_INFO_META_KEY), meta.get(CLIENT_CAPABILITIES_META_KEY)
    )


def _is_valid(method: str, version: str, params: JsonObject | None) -> bool:
    if method == "tools/call" and params is not None and _is_plain_call(params):
        meta = params.get("_meta")
        if meta is None:
            return version not in MODERN_PROTOCOL_VERSIONS
        envelope = to_json(meta)
        if len(envelope) <= _MAX_ENVELOPE_BYTES:
            return _is_valid_envelope(envelope, version)
    return _fits(method, version, params)


def _is_plain_call(params: JsonObject) -> bool:
    return isinstance(params.get("name"), str) and isinstance(params.get("arguments", {}), dict)


@lru_cache(maxsize=256)
def _is_valid_envelope(envelope: bytes, version: str) -> bool:
    # Clients send the same with each call.
    return _fits("tools/call", version, {"name": "", "_meta": from_json(envelope)})


def _fits(method: str, version: str, params: JsonObject | None) -> bool:
    try:
        validate_client_request(method, version, params)
    except (ValidationError, KeyError):
        return False
    return True


def _is_bare(meta: JsonObject, version: str) -> bool:
    """Whether it asks for nothing but the answer: no progress, no log, nothing that is reserved and unknown."""
    known = _ENVELOPE if version in MODERN_PROTOCOL_VERSIONS else frozenset()
    return "progressToken" not in meta and all(key in known or not key.startswith(_RESERVED) for key in meta)


def _is_routed(message: JsonObject, headers: Mapping[str, str]) -> bool:
    return isinstance(classify_inbound_request(message, headers=headers), InboundModernRoute)


def _is_mirrored(asked: Asked, headers: Mapping[str, str], schema_of: SchemaOf) -> bool:
    """Whether every argument that its schema wants in a header, too, is there."""
    params = asked.params or {}
    arguments = params.get("arguments")
    if asked.method != "tools/call" or not isinstance(arguments, dict) or not arguments:
        return True
    schema = schema_of(str(params["name"]))
    if schema is None or not _wants_headers(_Same(schema)):
        return True
    return validate_mcp_param_headers(schema, arguments, headers) is None


class _Same:
    """A schema as the key of a cache: one and the same object, not an equal one, which would have to be compared."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.schema is other.schema


@lru_cache(maxsize=1_000)
def _wants_headers(same: _Same) -> bool:
    # To find out goes through the whole schema, twice, and schemas may be long.
    return find_invalid_x_mcp_header(same.schema) is None and bool(x_mcp_header_map(same.schema))
