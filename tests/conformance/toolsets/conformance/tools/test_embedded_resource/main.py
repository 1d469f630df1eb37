"""A text document inside the answer."""

from pydantic import AnyUrl

from jinba_mcp.authoring import EmbeddedResource, TextResource


def run() -> EmbeddedResource:
    document = TextResource(uri=AnyUrl("test://document"), text="A document of one line.", mime_type="text/plain")
    return EmbeddedResource(resource=document)
