"""Requests to an MCP endpoint: valid, odd and broken ones, and what a server made of them, ready to be compared."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import anyio
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message

from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.toolsets import Listing, Visibility

HOST = "/v1/orgs/default/toolsets/odd-tools/mcp"
PATHS = [HOST, "/v1/orgs/default/toolsets/odd-tools@1.0.0/mcp", "/v1/public/default/odd-tools/mcp", "/mcp"]
MODERN, LATEST = "2026-07-28", "2025-11-25"
HANDSHAKE = ["2024-11-05", "2025-03-26", "2025-06-18", LATEST]
RESERVED = "io.modelcontextprotocol/"
INFO = {"name": "asking", "version": "1"}
PLAIN = {"host": "localhost", "accept": "application/json, text/event-stream", "content-type": "application/json"}

GREET = 'def run(name: str) -> dict:\n    """Greet."""\n    return {"message": f"Hello, {name}!"}\n'
ANY = "from typing import Any\n\ndef run(value: Any = None) -> Any:\n    return value\n"
FAIL = "def run(why: str = '') -> dict:\n    raise ValueError(why)\n"
ODD = "def run(what: str) -> Any:\n    return {'nan': float('nan'), 'half': '\\ud800', 'big': 1 << 80}[what]\n"
RICH = """
from jinba_mcp.authoring import Image, ResourceLink, Text

def run(count: int = 1) -> list:
    link = ResourceLink(uri="https://a.example/", name="a")
    return [Text(text="one"), Image(data=b"1", mime_type="image/png"), link] * count
"""
BROKEN = "def run() -> dict:\n    raise SystemExit(3)\n"
MIRRORED = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}

SOURCE = Source(
    slug="odd-tools",
    name="Odd tools",
    description="Tools for what can go wrong.",
    tools=(
        SourceTool(slug="greet", code=GREET, output_schema={"type": "object"}),
        SourceTool(slug="any", code=ANY),
        SourceTool(slug="number", code="def run() -> int:\n    return 7\n"),
        SourceTool(slug="fail", code=FAIL),
        SourceTool(slug="odd", code="from typing import Any\n" + ODD),
        SourceTool(slug="rich", code=RICH),
        SourceTool(slug="broken", code=BROKEN),
        SourceTool(
            slug="mirrored", code="def run(region: str = '') -> str:\n    return region\n", input_schema=MIRRORED
        ),
    ),
    sandbox=Sandbox(provider="inprocess"),
    listing=Listing(visibility=Visibility.PUBLIC, mcp_enabled=True),
)


@dataclass
class Ask:
    """One HTTP request: `body` as JSON, unless it is bytes already."""

    path: str
    headers: list[tuple[str, str]]
    body: Any
    method: str = "POST"

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Change = Callable[[Ask], Ask]
Place = Callable[[Any], Any]
"""Where in a body something is changed."""


@dataclass
class Heard:
    """An answer in which two servers that mean the same do not differ."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


async def heard(app: ASGIApp, ask: Ask, secret: str | None) -> Heard:
    """What an app answers, within bounds."""
    headers = [*ask.headers, ("x-request-id", "asked")]
    if secret is not None:
        headers.append(("authorization", f"Bearer {secret}"))
    scope = {
        "type": "http",
        "method": ask.method,
        "path": ask.path,
        "raw_path": ask.path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    answered = anyio.Event()
    unread = [ask.raw]
    received: list[Message] = []

    async def receive() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        received.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            answered.set()

    with anyio.fail_after(20):
        await app(scope, receive, send)
    head = received[0]
    found = {name.decode().lower(): value.decode() for name, value in head["headers"]}
    body = b"".join(message.get("body", b"") for message in received[1:]).decode()
    # How numbers and other letters are written is each writer's own.
    found.pop("content-length", None)
    return Heard(head["status"], found, _meaning(body, found.get("content-type", "")))


def _meaning(body: str, content_type: str) -> Any:
    body = re.sub(r"run_[0-9A-Z]{26}", "run_", body)
    if content_type.startswith("text/event-stream"):
        # Python's splitlines would also cut at letters that may stand in JSON.
        lines = body.replace("\r\n", "\n").split("\n")
        events = [line.removeprefix("data: ") for line in lines if not line.startswith(":")]
        return [_canonical(line) for line in events]
    return _canonical(body)


def _canonical(text: str) -> str:
    """The same text for the same JSON; unlike Python, JSON tells 1 from 1.0 and true."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def asked(version: str | None, method: str, params: dict[str, Any] | None = None, path: str = HOST) -> Ask:
    """A request as a good client of that version sends it; without a version, as an old one may."""
    headers = dict(PLAIN) | ({} if version is None else {"mcp-protocol-version": version})
    if version == MODERN:
        meta = {
            RESERVED + "protocolVersion": version,
            RESERVED + "clientCapabilities": {},
            RESERVED + "clientInfo": INFO,
        }
        params = {**(params or {}), "_meta": meta}
        headers["mcp-method"] = method
        if method == "tools/call":
            headers["mcp-name"] = str(params.get("name", ""))
    body = {"jsonrpc": "2.0", "id": 1, "method": method} | ({} if params is None else {"params": params})
    return Ask(path, list(headers.items()), body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
CALLS = st.one_of(
    st.builds(lambda name: {"name": "greet", "arguments": {"name": name}}, st.text(max_size=8)),
    st.builds(lambda value: {"name": "any", "arguments": {"value": value}}, JSON),
    st.builds(lambda why: {"name": "fail", "arguments": {"why": why}}, st.text(max_size=8)),
    st.builds(lambda what: {"name": "odd", "arguments": {"what": what}}, st.sampled_from(["nan", "half", "big", "x"])),
    st.builds(lambda count: {"name": "rich", "arguments": {"count": count}}, st.integers(0, 2)),
    st.builds(lambda region: {"name": "mirrored", "arguments": {"region": region}}, st.sampled_from(["eu", "ü", None])),
    st.sampled_from([{"name": "greet"}, {"name": "number"}, {"name": "broken"}, {"name": "odd-tools__number"}]),
    st.builds(lambda name, given: {"name": name, "arguments": given}, st.sampled_from(["greet", "no", ""]), JSON),
)
WANTED = st.sampled_from([*HANDSHAKE, MODERN, "1999-01-01", "", 7])
INITIALIZE = st.builds(lambda v: {"protocolVersion": v, "capabilities": {}, "clientInfo": INFO}, WANTED)
CURSORS = st.sampled_from([None, "", "nonsense", "ZmFpbA", "Z3JlZXQ="]).map(lambda cursor: {"cursor": cursor})
PARAMS: dict[str, st.SearchStrategy[Any]] = {
    "tools/call": CALLS,
    "tools/list": st.none() | st.just({}) | CURSORS,
    "initialize": INITIALIZE,
    "server/discover": st.none() | st.just({}),
    "ping": st.none() | st.just({}),
    "prompts/list": st.none(),
    "notifications/initialized": st.none(),
}
VERSIONS = st.sampled_from([MODERN, MODERN, LATEST, None, *HANDSHAKE])
METHODS = st.sampled_from(["tools/call"] * 4 + list(PARAMS))
GOOD = st.tuples(VERSIONS, METHODS, st.sampled_from(PATHS)).flatmap(
    lambda of: PARAMS[of[1]].map(lambda params: asked(of[0], of[1], deepcopy(params), of[2]))
)

HEADERS: dict[str, list[str]] = {
    "accept": [
        "",
        "application/json",
        "text/event-stream",
        "*/*",
        "text/*;q=1, application/*",
        "a, b",
        "APPLICATION/JSON, Text/Event-Stream",
    ],
    "content-type": [
        "",
        "application/json; charset=utf-8",
        "application/json;charset=latin-1",
        "text/plain",
        "Application/JSON",
        "application/vnd.x+json",
        "application/json, text/plain",
        "application/json ;x",
    ],
    "content-encoding": ["identity", "gzip"],
    "mcp-protocol-version": ["", MODERN, "2025-11-25 ", "2026-7-28", "2030-01-01", "2024-11-05"],
    "mcp-method": ["", "tools/call", "tools/list", "TOOLS/CALL", "ping"],
    "mcp-name": ["", "greet", "GREET", "=?base64?Z3JlZXQ=?=", "=?base64?!?="],
    "mcp-param-region": ["eu", "us", "=?base64?w7w=?="],
    "mcp-session-id": ["", "one"],
    "last-event-id": ["7"],
    "origin": ["http://localhost", "http://evil.example"],
}
METAS: list[tuple[str, list[Any]]] = [
    ("progressToken", [1, "t", None, True, 1.5, []]),
    (RESERVED + "protocolVersion", [None, LATEST, MODERN, 7, ""]),
    (RESERVED + "clientCapabilities", [None, {"roots": {}}, {"sampling": 1}, [], {"x": {}}]),
    (RESERVED + "clientInfo", [None, {}, {"name": "a"}, {"name": "n", "version": "v", "x": 1}, {"name": 1}, "me"]),
    (RESERVED + "logLevel", ["debug", "loud", None]),
    (RESERVED + "other", [1]),
    ("traceparent", ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", 3]),
]  # fmt: skip
PARTS: list[tuple[str, list[Any]]] = [
    ("id", [0, -1, 2**70, "", "ü", "7", None, True, 1.0, 1.5, [], {}]),
    ("jsonrpc", ["1.0", 2.0, None]),
    ("method", ["tools/Call", "", None, 7, "initialize", "ping", "server/discover", "logging/setLevel"]),
    ("params", [None, [], {}, "x", {"_meta": None}, {"_meta": []}, {"cursor": 5}, {"name": 5}, {"name": "greet"}]),
    ("result", [{}, None]),
    ("extra", [1]),
]  # fmt: skip
NAMED: list[tuple[str, list[Any]]] = [
    ("name", [None, 7, "greet", "", "nothing", "\0"]),
    ("arguments", [None, [], "x", {}, {"name": None}, {"name": "a", "more": 1}, {"name": "\0"}, {"value": 10**400}]),
    ("requestState", ["s", 1]),
    ("inputResponses", [{}, 1]),
    ("capabilities", [None, 1, {"roots": {"listChanged": True}}]),
    ("clientInfo", [None, {"name": "a"}]),
    ("cursor", [None, 1, "x"]),
    ("unknown", [1]),
]
RAW: list[Callable[[bytes], bytes]] = [
    lambda raw: raw[:-1],
    lambda _: b"",
    lambda _: b"null",
    lambda raw: b"[" + raw + b"]",
    lambda raw: b"\xef\xbb\xbf" + raw,
    lambda raw: raw.decode().encode("utf-16"),
    lambda raw: b" \n" + raw + b"\t",
    lambda raw: raw.replace(b"1", b"1.0"),
    lambda raw: raw.replace(b"1", b"1e400"),
    lambda raw: raw.replace(b"1", b"NaN"),
    lambda raw: raw.replace(b'"Hello', b'"\\ud800'),
    lambda raw: raw.replace(b'"name": "', b'"name": "\\ud800'),
    lambda raw: raw.replace(b"{}", b'{"deep": ' + b"[" * 300 + b"]" * 300 + b"}"),
    lambda raw: raw.replace(b'"id"', b'"id": 5, "id"'),
    lambda raw: raw.replace(b'"id"', b'"ID"'),
    lambda raw: raw + raw,
]


def _set(where: Place, key: str, value: Any) -> Change:
    return partial(_edited, where, lambda place: place.update({key: value}))


def _without(where: Place, key: str) -> Change:
    return partial(_edited, where, lambda place: place.pop(key, None))


def _edited(where: Place, edit: Callable[[dict[str, Any]], Any], ask: Ask) -> Ask:
    body = deepcopy(ask.body)
    place = where(body) if isinstance(body, dict) else None
    if isinstance(place, dict):
        edit(place)
    return replace(ask, body=body)


def _with_header(name: str, value: str | None, *, is_second: bool) -> Change:
    def change(ask: Ask) -> Ask:
        kept = [one for one in ask.headers if is_second or one[0] != name]
        return replace(ask, headers=kept + ([] if value is None else [(name, value)]))

    return change


def _with_raw(make: Callable[[bytes], bytes]) -> Change:
    return lambda ask: replace(ask, body=make(ask.raw))


def _with_method(method: str) -> Change:
    return lambda ask: replace(ask, method=method)


def _whole(body: Any) -> Any:
    return body


def _params(body: Any) -> Any:
    return body.get("params")


def _meta(body: Any) -> Any:
    params = body.get("params")
    return params.setdefault("_meta", {}) if isinstance(params, dict) else None


def _changes() -> list[st.SearchStrategy[Change]]:
    changes = [
        st.builds(partial(_with_header, name), st.sampled_from([None, *values]), is_second=st.booleans())
        for name, values in HEADERS.items()
    ]
    places: list[tuple[Place, list[tuple[str, list[Any]]]]] = [(_whole, PARTS), (_params, NAMED), (_meta, METAS)]
    for where, keys in places:
        for key, values in keys:
            sets = st.builds(partial(_set, where, key), st.sampled_from(values))
            changes.append(sets | st.just(_without(where, key)))
    changes.append(st.builds(_with_raw, st.sampled_from(RAW)))
    changes.append(st.builds(_with_method, st.sampled_from(["PUT", "DELETE", "PATCH"])))
    return changes


def _changed(ask: Ask, changes: list[Change]) -> Ask:
    for change in changes:
        ask = change(ask)
    return ask


ASKS = GOOD | st.builds(_changed, GOOD, st.lists(st.one_of(_changes()), min_size=1, max_size=2))
"""As good clients ask, and as others do."""
