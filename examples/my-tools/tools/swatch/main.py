"""Rich content: a text for the model, a picture to look at, and plain data beside them."""

import struct
import zlib
from typing import Annotated

from pydantic import Field

from jinba_mcp.authoring import Content, Image, Text

SIZE = 64


def run(colour: Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$", description="Such as #3366cc.")]) -> Content:
    red, green, blue = bytes.fromhex(colour[1:])
    picture = Image(data=png(bytes([red, green, blue])), mime_type="image/png")
    text = Text(text=f"{colour} is {red} red, {green} green and {blue} blue.")
    return Content(blocks=(text, picture), data={"red": red, "green": green, "blue": blue})


def png(pixel: bytes) -> bytes:
    """A square of one colour."""
    rows = (b"\0" + pixel * SIZE) * SIZE
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
