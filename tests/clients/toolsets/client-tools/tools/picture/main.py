"""Rich content of two kinds."""

from jinba_mcp.authoring import Content, Image, Text

DOT = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def run() -> Content:
    return Content(blocks=(Text(text="A dot:"), Image(data=DOT, mime_type="image/svg+xml")))
