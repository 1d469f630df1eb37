"""Invitations: made and withdrawn by admins, looked at and accepted by whoever holds the token."""

from jinba_mcp.client.calls import Call, Page, document, given, json_content, nothing, page, path, query_of
from jinba_mcp.client.documents import Invitation, IssuedInvitation, Offer, Organization, Role
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def _page(*, limit: int | None = None, organization: str | None = None) -> Call[Page[Invitation]]:
    """Every open invitation, newest first; `limit` is per request, 200 at most."""
    return Call("GET", "/invitations", page, organization=organization, query=query_of(limit=limit))


def _create(email: str, *, role: Role = "member", organization: str | None = None) -> Call[IssuedInvitation]:
    """Invite someone, for 7 days: by mail where the server sends mail, otherwise with a link to hand over."""
    sent = json_content({"email": email, "role": role})
    return Call("POST", "/invitations", document, organization=organization, **sent)


def _resend(invitation_id: str, *, organization: str | None = None) -> Call[Invitation]:
    """Have it mailed again with a new link; the one before ends."""
    return Call("POST", path("invitations", invitation_id, "resend"), document, organization=organization)


def _withdraw(invitation_id: str, *, organization: str | None = None) -> Call[None]:
    """Have an invitation good for nothing."""
    return Call("DELETE", path("invitations", invitation_id), nothing, organization=organization)


def _show(token: str) -> Call[Offer]:
    """What an invitation is to; `token` is the end of its link."""
    return Call("GET", path("invitations", token), document, is_in_organization=False)


def _accept(token: str, *, name: str | None = None, password: str | None = None) -> Call[Organization]:
    """Join: the user of a personal key, or with a name and a password someone who gets an account by it."""
    sent = json_content(given(name=name, password=password))
    return Call("POST", path("invitations", token, "accept"), document, is_in_organization=False, **sent)


class Invitations(Noun):
    """Invitations to an organization."""

    list = EachNow(_page)
    create = Now(_create)
    resend = Now(_resend)
    withdraw = Now(_withdraw)
    show = Now(_show)
    accept = Now(_accept)


class AsyncInvitations(AsyncNoun):
    """Invitations to an organization."""

    list = EachLater(_page)
    create = Later(_create)
    resend = Later(_resend)
    withdraw = Later(_withdraw)
    show = Later(_show)
    accept = Later(_accept)
