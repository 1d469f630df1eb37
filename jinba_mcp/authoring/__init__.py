"""What tool writers import, and the reader of their folders.

`from jinba_mcp.authoring import Image, progress`: rich content to return and a way to say how far a run is. The folder
reader (`folder.py`) turns a ToolSet folder into domain records; it runs none of the code that it reads.
"""

from jinba_mcp.authoring.progress import progress
from jinba_mcp.domain.content import (
    Audio,
    BlobResource,
    Content,
    EmbeddedResource,
    Image,
    ResourceLink,
    Text,
    TextResource,
)

__all__ = [
    "Audio",
    "BlobResource",
    "Content",
    "EmbeddedResource",
    "Image",
    "ResourceLink",
    "Text",
    "TextResource",
    "progress",
]
