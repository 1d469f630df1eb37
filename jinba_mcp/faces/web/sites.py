"""Where this server is for its clients: the base of every URL that it hands out."""

from dataclasses import dataclass

from starlette.types import Scope


@dataclass(frozen=True)
class Site:
    """`public_url` is what the operator says clients use; without it the address of each request is believed."""

    public_url: str | None = None

    def base_url(self, scope: Scope) -> str:
        """Without a slash at its end."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        for name, value in scope["headers"]:
            if name == b"host" and value:
                return f"{scope['scheme']}://{value.decode('latin-1')}"
        host, port = scope.get("server") or ("localhost", None)
        shown = f"[{host}]" if ":" in host else host
        return f"{scope['scheme']}://{shown}" + (f":{port}" if port else "")


def api_url(base: str) -> str:
    return f"{base}/v1"


def toolset_endpoint(base: str, organization_slug: str, toolset_slug: str) -> str:
    """The MCP endpoint of one ToolSet, for keys of its organization."""
    return f"{base}/v1/orgs/{organization_slug}/toolsets/{toolset_slug}/mcp"


def organization_endpoint(base: str, organization_slug: str) -> str:
    """The MCP endpoint with every ToolSet of one organization."""
    return f"{base}/v1/orgs/{organization_slug}/mcp"


def public_endpoint(base: str, organization_slug: str, toolset_slug: str) -> str:
    """The MCP endpoint of a public ToolSet, for any valid key."""
    return f"{base}/v1/public/{organization_slug}/{toolset_slug}/mcp"


def everything_endpoint(base: str) -> str:
    """The MCP endpoint with all that a key may use anywhere."""
    return f"{base}/mcp"
