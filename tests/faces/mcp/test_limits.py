"""Limits over MCP: the model reads that its call was too much; the rest is a protocol error."""

import json
from dataclasses import replace
from typing import Any

import pytest
from mcp_types import TextContent

from jinba_mcp.core.credits import CreditChange
from jinba_mcp.core.limits import Limits
from jinba_mcp.domain.credits import CreditKind
from jinba_mcp.domain.limits import Quota, Quotas
from jinba_mcp.storage.counters import MemoryCounters
from tests.faces.mcp.endpoints import MODES, TOOLSET, serving
from tests.worlds import World

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "greet", "arguments": {"name": "Al"}}}


def limited(world: World, **quotas: Quota) -> World:
    limits = Limits(MemoryCounters(world.clock), Quotas(**quotas))
    return replace(world, core=replace(world.core, limits=limits))


def message(stream: str) -> Any:
    """The one JSON-RPC message of an event stream."""
    return json.loads(stream.partition("data: ")[2])


async def test_a_call_too_many_is_a_result_that_the_model_can_read(world: World) -> None:
    await world.publish()
    async with serving(limited(world, key=Quota(per_minute=1))) as served:
        secret = await served.secret()
        assert "Hello, Al!" in (await served.post(TOOLSET, secret, CALL)).text
        refused = await served.post(TOOLSET, secret, CALL)
    assert refused.status_code == 200
    result = message(refused.text)["result"]
    assert result["isError"]
    assert "1 a minute. Try again in 60 seconds" in result["content"][0]["text"]
    assert result["_meta"]["jinba-mcp/code"] == "limit.rate"


async def test_any_other_request_too_many_is_a_protocol_error_with_the_time_to_wait(world: World) -> None:
    await world.publish()
    async with serving(limited(world, key=Quota(per_minute=1))) as served:
        secret = await served.secret()
        await served.post(TOOLSET, secret, LIST)
        error = message((await served.post(TOOLSET, secret, LIST)).text)["error"]
    assert (error["data"]["code"], error["data"]["retryAfter"]) == ("limit.rate", 60)


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_of_either_era_gets_to_know(world: World, mode: str) -> None:
    await world.publish()
    async with serving(limited(world, key=Quota(per_minute=4))) as served, served.client(mode=mode) as client:
        for _ in range(5):
            refused = await client.call_tool("greet", {"name": "Al"})
    assert refused.is_error
    assert isinstance(refused.content[0], TextContent)
    assert "4 a minute" in refused.content[0].text


async def test_a_stream_that_is_opened_too_often_is_429(world: World) -> None:
    await world.publish()
    async with serving(limited(world, key=Quota(per_minute=1))) as served:
        secret = await served.secret()
        await served.post(TOOLSET, secret, LIST)
        async with served.http(secret) as client:
            refused = await client.get(TOOLSET, headers={"Accept": "text/event-stream"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")


async def test_wrong_keys_count_for_their_address(world: World) -> None:
    await world.publish()
    async with serving(limited(world, address=Quota(per_minute=1))) as served:
        assert (await served.post(TOOLSET, "nonsense", LIST)).status_code == 401
        assert (await served.post(TOOLSET, "nonsense", LIST)).status_code == 429


async def test_a_call_that_cannot_be_paid_is_a_result_that_says_so(world: World) -> None:
    await world.publish()
    await world.core.drafts.change(world.operator, "default", "greeting-tools", {"prices": {"greet": 4}})
    three = CreditChange(kind=CreditKind.SET, amount=3)
    await world.core.credits.change(world.operator, "default", three)
    async with serving(world) as served:
        result = message((await served.post(TOOLSET, await served.secret(), CALL)).text)["result"]
    assert result["isError"]
    assert "costs 4 credits, and 3 are left" in result["content"][0]["text"]
    assert result["_meta"]["jinba-mcp/code"] == "credits.insufficient"
