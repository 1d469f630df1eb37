"""Rich content a tool may return instead of plain data: the five MCP content blocks, as authors build them."""

import base64
from typing import Annotated, Literal, TypeAlias

from pydantic import AnyUrl, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel


class _Block(BaseModel):
    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, extra="forbid", defer_build=True
    )


Base64Bytes = Annotated[bytes, PlainSerializer(lambda raw: base64.b64encode(raw).decode(), return_type=str)]
"""Raw bytes in Python, base64 on the wire."""


class Text(_Block):
    """Text for the model to read."""

    type: Literal["text"] = "text"
    text: str


class Image(_Block):
    """A picture: raw bytes and their media type."""

    type: Literal["image"] = "image"
    data: Base64Bytes
    mime_type: str = "image/png"


class Audio(_Block):
    """A sound: raw bytes and their media type."""

    type: Literal["audio"] = "audio"
    data: Base64Bytes
    mime_type: str = "audio/wav"


class ResourceLink(_Block):
    """A pointer to something the client may fetch itself."""

    type: Literal["resource_link"] = "resource_link"
    uri: AnyUrl
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = Field(default=None, ge=0)


class TextResource(_Block):
    """A document that travels as text."""

    uri: AnyUrl
    text: str
    mime_type: str | None = None


class BlobResource(_Block):
    """A document that travels as bytes."""

    uri: AnyUrl
    blob: Base64Bytes
    mime_type: str | None = None


class EmbeddedResource(_Block):
    """A whole document inside the answer."""

    type: Literal["resource"] = "resource"
    resource: TextResource | BlobResource


Block: TypeAlias = Text | Image | Audio | ResourceLink | EmbeddedResource


class Content(_Block):
    """Several blocks at once, with or without `data`, which then is the structured part of the answer."""

    blocks: tuple[Block, ...]
    data: object = None


def wire(block: Block) -> dict[str, object]:
    """The block as MCP and REST write it."""
    return block.model_dump(mode="json", by_alias=True, exclude_none=True)
