"""The MCP server in memory: what it says of itself, what a tool may return, how it tells of changes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.server.lowlevel import Server
from mcp_types import AudioContent, EmbeddedResource, ImageContent, ResourceLink, TextContent

from jinba_mcp.core.catalog import Endpoint, ToolSetRef
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.runs import RunSource
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.tools import Annotations
from jinba_mcp.domain.toolsets import Listing
from jinba_mcp.domain.versions import Marks
from jinba_mcp.faces.mcp.listeners import Listeners
from jinba_mcp.faces.mcp.server import McpServer
from jinba_mcp.faces.mcp.session import Session
from tests.faces.mcp.endpoints import MODES
from tests.worlds import World

GREETING = Endpoint(toolset=ToolSetRef(organization="default", toolset="greeting-tools"))

RICH = """
from jinba_mcp.authoring import Audio, BlobResource, Content, EmbeddedResource, Image, ResourceLink, Text, TextResource

def run(kind: str):
    image = Image(data=b"png", mime_type="image/png")
    if kind == "image":
        return image
    if kind == "mixed":
        text = TextResource(uri="file:///a.txt", text="inside", mime_type="text/plain")
        link = ResourceLink(uri="https://example.com/a", name="a")
        return ["words", image, Audio(data=b"wav"), link, EmbeddedResource(resource=text)]
    return Content(blocks=(Text(text="shown"),), data={"count": 1})
"""

PLAIN = """
def run(kind: str):
    return {"nothing": None, "text": "some text", "number": 3, "list": [1, 2], "object": {"a": 1}}[kind]
"""


@asynccontextmanager
async def connected(world: World, mode: str = "auto", endpoint: Endpoint = GREETING) -> AsyncIterator[Client]:
    """The SDK's client on a server in the same process; its session belongs to the operator."""

    async def who() -> Caller:
        return world.operator

    session = Session(world.core, endpoint, world.operator, RunSource.MCP, who)

    @asynccontextmanager
    async def lifespan(_: Server[Any]) -> AsyncIterator[Session]:
        yield session

    async with Client(McpServer("1.2.3", Listeners(), lifespan=lifespan), mode=mode) as client:
        yield client


@pytest.mark.parametrize("mode", MODES)
async def test_it_introduces_itself_and_what_it_serves(world: World, mode: str) -> None:
    source = Source(
        slug="greeting-tools",
        description="Greets people politely.",
        tools=(SourceTool(slug="greet", code="def run() -> dict: return {}"),),
        listing=Listing(mcp_enabled=True),
        sandbox=Sandbox(provider="inprocess"),
    )
    await world.core.versions.push(world.operator, "default", source)
    async with connected(world, mode) as client:
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("jinba-mcp", "1.2.3")
        assert client.instructions == "Greets people politely."
        assert client.server_capabilities.tools is not None
        assert client.server_capabilities.tools.list_changed
        assert client.server_capabilities.prompts is None


@pytest.mark.parametrize("mode", MODES)
async def test_a_tool_is_listed_with_all_that_was_published(world: World, mode: str) -> None:
    tool = SourceTool(
        slug="greet",
        name="Greet someone",
        description="Says hello.",
        code="def run(name: str) -> dict: return {}",
        output_schema={"type": "object", "properties": {"message": {"type": "string"}}},
        annotations=Annotations(readOnlyHint=True),
    )
    in_process = Sandbox(provider="inprocess")
    source = Source(slug="greeting-tools", tools=(tool,), listing=Listing(mcp_enabled=True), sandbox=in_process)
    await world.core.versions.push(world.operator, "default", source)
    async with connected(world, mode) as client:
        (listed,) = (await client.list_tools()).tools
    assert (listed.name, listed.title, listed.description) == ("greet", "Greet someone", "Says hello.")
    assert listed.input_schema["required"] == ["name"]
    assert listed.output_schema == tool.output_schema
    assert listed.annotations is not None
    assert listed.annotations.read_only_hint is True


@pytest.mark.parametrize("mode", MODES)
async def test_rich_content_arrives_block_by_block(world: World, mode: str) -> None:
    await world.publish(rich=RICH)
    async with connected(world, mode) as client:
        image = await client.call_tool("rich", {"kind": "image"})
        mixed = await client.call_tool("rich", {"kind": "mixed"})
        both = await client.call_tool("rich", {"kind": "both"})
    assert image.content == [ImageContent(data="cG5n", mime_type="image/png")]
    assert image.structured_content is None
    kinds = [type(block) for block in mixed.content]
    assert kinds == [TextContent, ImageContent, AudioContent, ResourceLink, EmbeddedResource]
    assert both.content == [TextContent(text="shown")]
    assert both.structured_content == {"count": 1}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("kind", "text", "structured"),
    [
        ("nothing", "", None),
        ("text", "some text", None),
        ("number", "3", None),
        ("list", "[1,2]", None),
        ("object", '{"a":1}', {"a": 1}),
    ],
)
async def test_plain_data_is_text_and_objects_are_structured_too(
    world: World, mode: str, kind: str, text: str, structured: object
) -> None:
    await world.publish(plain=PLAIN)
    async with connected(world, mode) as client:
        result = await client.call_tool("plain", {"kind": kind})
    assert result.content == [TextContent(text=text)]
    assert result.structured_content == structured


@pytest.mark.parametrize(("mode", "structured"), [("auto", [1, 2]), ("legacy", None)])
async def test_a_list_with_a_schema_is_structured_where_the_era_has_that(
    world: World, mode: str, structured: object
) -> None:
    await world.publish(numbers="def run() -> list[int]: return [1, 2]")
    async with connected(world, mode) as client:
        (listed,) = (await client.list_tools()).tools
        assert (listed.output_schema is None) == (structured is None)
        result = await client.call_tool("numbers", {})
    assert result.structured_content == structured
    assert result.content == [TextContent(text="[1,2]")]


@pytest.mark.parametrize("mode", MODES)
async def test_a_tool_that_raises_is_a_result_with_its_error(world: World, mode: str) -> None:
    await world.publish(fail="def run() -> dict: raise KeyError('no such city')")
    async with connected(world, mode) as client:
        result = await client.call_tool("fail", {})
    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    assert "no such city" in result.content[0].text
    assert "Traceback" not in result.content[0].text


async def test_a_listening_client_hears_of_a_new_active_version(world: World) -> None:
    await world.publish()
    async with connected(world) as client, client.listen(tools_list_changed=True) as changes:
        await world.publish(greet="def run(name: str, loud: bool = False) -> dict: return {}")
        with anyio.fail_after(60):
            async for _ in changes:
                break
        (tool,) = (await client.list_tools()).tools
    assert "loud" in tool.input_schema["properties"]


async def test_a_change_elsewhere_wakes_nobody(world: World) -> None:
    await world.publish()
    async with connected(world) as client, client.listen(tools_list_changed=True) as changes:
        await world.publish("other-tools")
        with anyio.move_on_after(0.2) as waiting:
            async for _ in changes:
                break
    assert waiting.cancelled_caught


async def test_what_we_do_not_serve_is_method_not_found(world: World) -> None:
    await world.publish()
    async with connected(world) as client:
        with pytest.raises(Exception, match="Method not found"):
            await client.list_prompts()


@pytest.mark.parametrize("mode", MODES)
async def test_a_deprecated_version_says_so_beside_its_result(world: World, mode: str) -> None:
    await world.publish()
    async with connected(world, mode) as client:
        assert "jinba-mcp/warnings" not in ((await client.call_tool("greet", {"name": "A"})).meta or {})
        marks = Marks(deprecated=True, deprecation_message="Use 2.0.0.")
        await world.core.versions.mark(world.operator, "default", "greeting-tools", "1.0.0", marks)
        answer = await client.call_tool("greet", {"name": "A"})
    assert (answer.meta or {})["jinba-mcp/warnings"] == ["Version 1.0.0 is deprecated: Use 2.0.0."]
    assert (answer.meta or {})["jinba-mcp/runId"]
