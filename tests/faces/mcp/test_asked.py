"""What the fast lane understands, and that it leaves everything odd to the SDK."""

from dataclasses import replace
from typing import Any

import pytest

from jinba_mcp.faces.mcp.asked import Asked, understood
from tests.faces.mcp.asking import HANDSHAKE, INFO, MIRRORED, MODERN, RESERVED, Ask, asked

CALL = {"name": "greet", "arguments": {"name": "Al"}}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": INFO}
PLAIN = [
    *[asked(version, "tools/call", CALL) for version in (None, *HANDSHAKE, MODERN)],
    *[asked(version, "tools/list") for version in (None, *HANDSHAKE, MODERN)],
    *[asked(version, "ping") for version in (None, *HANDSHAKE)],
    *[asked(version, "initialize", HELLO) for version in (None, *HANDSHAKE)],
    asked(MODERN, "server/discover"),
]


def read(ask: Ask) -> Asked | None:
    headers = [(name.encode(), value.encode()) for name, value in ask.headers]
    return understood({"method": ask.method, "headers": headers}, ask.raw, {"mirrored": MIRRORED}.get)


@pytest.mark.parametrize(
    "ask", PLAIN, ids=lambda ask: f"{ask.body['method']} {dict(ask.headers).get('mcp-protocol-version')}"
)
def test_what_plain_clients_ask_is_understood(ask: Ask) -> None:
    version = dict(ask.headers).get("mcp-protocol-version", "2025-03-26")
    found = read(ask)
    assert found is not None
    assert (found.method, found.version, found.params) == (ask.body["method"], version, ask.body.get("params"))
    assert found.client_info == (INFO if version == MODERN else None)


def with_params(**changes: Any) -> Ask:
    ask = asked("2025-11-25", "tools/call", dict(CALL) | changes)
    return replace(ask, body=ask.body | {"id": "seven"})


def with_header(name: str, value: str, version: str = MODERN) -> Ask:
    ask = asked(version, "tools/call", CALL)
    return replace(ask, headers=[*ask.headers, (name, value)])


ODD = {
    "progress": with_params(_meta={"progressToken": 1}),
    "an envelope in the other era": with_params(_meta={RESERVED + "protocolVersion": MODERN}),
    "a parameter nobody knows": with_params(more=1),
    "no arguments but a list": with_params(arguments=[]),
    "a session": with_header("mcp-session-id", "1"),
    "an event to go on from": with_header("last-event-id", "1"),
    "an argument in a header": with_header("mcp-param-region", "eu"),
    "a header twice": with_header("mcp-name", "greet"),
    "a method of the other era": asked(MODERN, "ping"),
    "a method that needs a stream": asked(MODERN, "subscriptions/listen", {"notifications": {}}),
    "a version to come": asked("2030-01-01", "tools/list"),
    "an argument that its schema wants in a header": asked(
        MODERN, "tools/call", {"name": "mirrored", "arguments": {"region": "eu"}}
    ),
    "a batch": replace(asked(None, "ping"), body=[asked(None, "ping").body]),
    "a notification": replace(asked(None, "ping"), body={"jsonrpc": "2.0", "method": "ping"}),
    "no JSON": replace(asked(None, "ping"), body=b"{"),
    "another method of HTTP": replace(asked(None, "ping"), method="PUT"),
    "an id that is true": replace(asked(None, "ping"), body=asked(None, "ping").body | {"id": True}),
}


@pytest.mark.parametrize("ask", ODD.values(), ids=ODD)
def test_what_is_odd_is_left_to_the_sdk(ask: Ask) -> None:
    assert read(ask) is None


def test_a_client_that_takes_no_streams_is_left_to_the_sdk() -> None:
    ask = asked(None, "ping")
    assert read(replace(ask, headers=[("accept", "application/json"), *ask.headers[2:]])) is None


def test_a_schema_is_looked_through_for_mirrored_arguments_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []

    def look(schema: object) -> dict[object, object]:
        looked.append(schema)
        return {}

    monkeypatch.setattr("jinba_mcp.faces.mcp.asked.x_mcp_header_map", look)
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    ask = asked(MODERN, "tools/call", {"name": "add", "arguments": {"a": 1}})
    headers = [(name.encode(), value.encode()) for name, value in ask.headers]
    for _ in range(3):
        assert understood({"method": ask.method, "headers": headers}, ask.raw, {"add": schema}.get) is not None
    assert looked == [schema]
