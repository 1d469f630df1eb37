"""A text, a picture and a document in one answer."""

from pydantic import AnyUrl

from jinba_mcp.authoring import Content, EmbeddedResource, Image, Text, TextResource

PIXEL = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def run() -> Content:
    document = TextResource(uri=AnyUrl("test://mixed"), text='{"kind": "mixed"}', mime_type="application/json")
    return Content(
        blocks=(
            Text(text="Three kinds of content:"),
            Image(data=PIXEL, mime_type="image/svg+xml"),
            EmbeddedResource(resource=document),
        )
    )
