"""The key that a request carries, and what is bound to log lines once it is known."""

from typing import Any

import pytest

from jinba_mcp import logs
from jinba_mcp.domain.caller import operator
from jinba_mcp.domain.errors import (
    AddressForbidden,
    CredentialsConflict,
    KeyMalformed,
    KeyMissing,
)
from jinba_mcp.domain.keys import Presented
from jinba_mcp.faces.web.credentials import authenticate, in_the_name_of, presented_key
from tests.databases import migrated_sqlite_file, sqlite_url
from tests.faces.rest.conftest import Rest, rest, serve

__all__ = ["migrated_sqlite_file", "rest", "serve", "sqlite_url"]


def pairs(*headers: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer jtb_1")],
        [("authorization", "bearer   jtb_1 ")],
        [("x-api-key", " jtb_1")],
        [("authorization", "Bearer jtb_1"), ("x-api-key", "jtb_1")],
        [("authorization", "Bearer jtb_1"), ("authorization", "Bearer jtb_1")],
        [("authorization", "Bearer"), ("x-api-key", "jtb_1")],
    ],
)
def test_one_key_however_it_is_sent(headers: list[tuple[str, str]]) -> None:
    assert presented_key(pairs(*headers)) == Presented.of("jtb_1")


@pytest.mark.parametrize("headers", [[], [("authorization", "")], [("authorization", "Bearer ")], [("x-api-key", "")]])
def test_nothing_is_no_key(headers: list[tuple[str, str]]) -> None:
    assert presented_key(pairs(*headers)) is None


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "jtb_1", "Token jtb_1"])
def test_other_schemes_are_refused(value: str) -> None:
    with pytest.raises(KeyMalformed):
        presented_key(pairs(("authorization", value), ("x-api-key", "jtb_1")))


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer jtb_1"), ("x-api-key", "jtb_2")],
        [("authorization", "Bearer jtb_1"), ("authorization", "Bearer jtb_2")],
        [("x-api-key", "jtb_1"), ("x-api-key", "jtb_2")],
    ],
)
def test_two_different_keys_are_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(CredentialsConflict):
        presented_key(pairs(*headers))


async def test_the_caller_is_bound_to_the_log(rest: Rest) -> None:
    secret = await rest.secret("read")
    scope: Any = {"headers": pairs(("x-api-key", secret)), "client": ("127.0.0.1", 1)}
    tokens = [(variable, variable.set(None)) for variable in (logs.key_id, logs.organization_id)]
    try:
        caller = await authenticate(rest.core, scope)
        assert logs.key_id.get() == caller.key_id
        assert logs.organization_id.get() == caller.grants[0].organization_id
    finally:
        for variable, token in tokens:
            variable.reset(token)


async def test_the_client_address_counts(rest: Rest) -> None:
    secret = await rest.secret("read", allowed_ips=("10.0.0.0/8",))
    for client in (("127.0.0.1", 1), None):
        scope: Any = {"headers": pairs(("x-api-key", secret)), "client": client}
        with pytest.raises(AddressForbidden):
            await authenticate(rest.core, scope)


async def test_no_key_is_said_to_be_missing(rest: Rest) -> None:
    with pytest.raises(KeyMissing):
        await authenticate(rest.core, {"headers": []})


async def test_a_request_in_process_brings_its_caller(rest: Rest) -> None:
    caller, seen = operator(), []

    async def look(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(await authenticate(rest.core, scope))

    headers = pairs(("x-api-key", await rest.secret("read")))
    await in_the_name_of(caller, look)({"headers": headers}, None, None)  # type: ignore[arg-type]  # look needs none
    assert seen == [caller]


async def test_no_header_brings_a_caller(rest: Rest) -> None:
    headers = pairs(("jinba.caller", "operator"), ("jinba-caller", "operator"))
    scope: Any = {"headers": headers, "query_string": b"jinba.caller=operator"}
    with pytest.raises(KeyMissing):
        await authenticate(rest.core, scope)
