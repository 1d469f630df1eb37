"""Who the key is, and what its user is called."""

from jinba_mcp.client.calls import Call, document, json_content
from jinba_mcp.client.documents import Me, User


def show() -> Call[Me]:
    """Who the key is, and what it may do."""
    return Call("GET", "/me", document, is_in_organization=False)


def rename(name: str) -> Call[User]:
    """Have the user of a personal key called something else."""
    return Call("PATCH", "/me", document, is_in_organization=False, **json_content({"name": name}))
