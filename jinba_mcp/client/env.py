"""Environment variables of a ToolSet."""

from jinba_mcp.client.calls import Call, Page, document, json_content, nothing, page, path
from jinba_mcp.client.documents import Variable
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def _page(toolset: str, *, organization: str | None = None) -> Call[Page[Variable]]:
    """What is set, and what `toolset.yml` expects."""
    return Call("GET", path("toolsets", toolset, "env"), page, organization=organization)


def _put(
    toolset: str, key: str, value: str, *, secret: bool = False, organization: str | None = None
) -> Call[Variable]:
    """Set a variable, from the next run on; a secret never comes back."""
    sent = json_content({"value": value, "secret": secret})
    return Call("PUT", path("toolsets", toolset, "env", key), document, organization=organization, **sent)


def _delete(toolset: str, key: str, *, organization: str | None = None) -> Call[None]:
    """Unset a variable."""
    return Call("DELETE", path("toolsets", toolset, "env", key), nothing, organization=organization)


class Env(Noun):
    """The variables of ToolSets."""

    list = EachNow(_page)
    put = Now(_put)
    delete = Now(_delete)


class AsyncEnv(AsyncNoun):
    """The variables of ToolSets."""

    list = EachLater(_page)
    put = Later(_put)
    delete = Later(_delete)
