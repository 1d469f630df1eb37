"""Members of an organization."""

from jinba_mcp.client.calls import Call, Page, document, json_content, nothing, page, path, query_of
from jinba_mcp.client.documents import Member, Role
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def _page(*, limit: int | None = None, organization: str | None = None) -> Call[Page[Member]]:
    """Every member; those who have an account for longer come first. `limit` is per request, 200 at most."""
    return Call("GET", "/members", page, organization=organization, query=query_of(limit=limit))


def _set_role(user_id: str, role: Role, *, organization: str | None = None) -> Call[Member]:
    """Give a member another role; a new owner takes the place of the old one, who becomes an admin."""
    sent = json_content({"role": role})
    return Call("PATCH", path("members", user_id), document, organization=organization, **sent)


def _remove(user_id: str, *, organization: str | None = None) -> Call[None]:
    """End a membership, or one's own; the owner stays until someone else is the owner."""
    return Call("DELETE", path("members", user_id), nothing, organization=organization)


class Members(Noun):
    """The members of an organization."""

    list = EachNow(_page)
    set_role = Now(_set_role)
    remove = Now(_remove)


class AsyncMembers(AsyncNoun):
    """The members of an organization."""

    list = EachLater(_page)
    set_role = Later(_set_role)
    remove = Later(_remove)
