"""Content blocks: what authors build and how it stands on the wire."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import ContentBlock
from pydantic import AnyUrl, TypeAdapter, ValidationError

from jinba_mcp.domain.content import (
    Audio,
    BlobResource,
    Block,
    Content,
    EmbeddedResource,
    Image,
    ResourceLink,
    Text,
    TextResource,
    wire,
)
from tests.domain.generated import TEXT, modestly

NOTE = AnyUrl("file:///note.txt")

WIRED: list[tuple[Block, dict[str, object]]] = [
    (Text(text="hi"), {"type": "text", "text": "hi"}),
    (Image(data=b"\x89PNG"), {"type": "image", "data": "iVBORw==", "mimeType": "image/png"}),
    (Audio(data=b"RIFF", mime_type="audio/ogg"), {"type": "audio", "data": "UklGRg==", "mimeType": "audio/ogg"}),
    (ResourceLink(uri=NOTE, name="note"), {"type": "resource_link", "uri": "file:///note.txt", "name": "note"}),
    (
        ResourceLink(uri=NOTE, name="note", title="Note", description="A note", mime_type="text/plain", size=0),
        {
            "type": "resource_link",
            "uri": "file:///note.txt",
            "name": "note",
            "title": "Note",
            "description": "A note",
            "mimeType": "text/plain",
            "size": 0,
        },
    ),
    (
        EmbeddedResource(resource=TextResource(uri=NOTE, text="hi")),
        {"type": "resource", "resource": {"uri": "file:///note.txt", "text": "hi"}},
    ),
    (
        EmbeddedResource(resource=BlobResource(uri=NOTE, blob=b"\0\xff", mime_type="x/y")),
        {"type": "resource", "resource": {"uri": "file:///note.txt", "blob": "AP8=", "mimeType": "x/y"}},
    ),
]


@pytest.mark.parametrize(("block", "expected"), WIRED)
def test_each_block_stands_on_the_wire_as_mcp_writes_it(block: Block, expected: dict[str, object]) -> None:
    assert wire(block) == expected


@pytest.mark.parametrize("block", [block for block, _ in WIRED])
def test_the_protocols_own_types_read_what_we_write(block: Block) -> None:
    wired = wire(block)
    read: ContentBlock = TypeAdapter(ContentBlock).validate_python(wired)
    assert read.model_dump(mode="json", by_alias=True, exclude_none=True) == wired


@modestly
@given(st.binary())
def test_bytes_travel_as_base64_and_arrive_whole(raw: bytes) -> None:
    assert base64.b64decode(str(wire(Image(data=raw))["data"]), validate=True) == raw


@modestly
@given(TEXT)
def test_text_travels_as_it_is(text: str) -> None:
    assert wire(Text(text=text)) == {"type": "text", "text": text}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Text, {"text": "a", "colour": "red"}),
        (Text, {"text": 1}),
        (Text, {"type": "image", "text": "a"}),
        (ResourceLink, {"uri": "not a uri", "name": "n"}),
        (ResourceLink, {"uri": "file:///a", "name": "n", "size": -1}),
        (Content, {"blocks": ["plain text"]}),
    ],
)
def test_what_is_no_block_is_refused_where_it_is_built(kind: type[Text], fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(fields)


def test_several_blocks_may_come_with_data_or_without() -> None:
    blocks = (Text(text="a"), Image(data=b"b"))
    assert Content(blocks=blocks).data is None
    assert Content(blocks=blocks, data={"n": 1}).data == {"n": 1}


def test_fields_may_be_named_as_in_python_or_as_on_the_wire() -> None:
    assert Image.model_validate({"data": b"x", "mimeType": "image/gif"}) == Image(data=b"x", mime_type="image/gif")
