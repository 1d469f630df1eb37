"""Invitations: made and withdrawn by admins, looked at and accepted by who holds the token."""

from jinba_mcp.core.letters import invitation_link
from jinba_mcp.domain.errors import FieldsInvalid
from jinba_mcp.domain.invitations import Offer
from jinba_mcp.faces.rest.member_schemas import (
    AcceptanceIn,
    InvitationIn,
    InvitationOut,
    InvitationPage,
    IssuedInvitationOut,
    OfferOut,
    invitation_out,
    issued_invitation_out,
    offer_out,
)
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.schemas import OrganizationOut, organization_out
from jinba_mcp.faces.rest.wire import NoQuery, PageQuery, page_out


async def page(asked: Asked[PageQuery, None]) -> InvitationPage:
    found = await asked.core.invitations.page(asked.caller, asked.path["org"], asked.query.request())
    return page_out(InvitationPage, found, invitation_out)


async def create(asked: Asked[NoQuery, InvitationIn]) -> IssuedInvitationOut:
    offer = Offer(email=asked.body.email, role=asked.body.role)
    issued = await asked.core.invitations.create(asked.caller, asked.path["org"], offer)
    link = None if issued.token is None else invitation_link(asked.base_url, issued.token)
    return issued_invitation_out(issued.invitation, link)


async def resend(asked: Asked[NoQuery, None]) -> InvitationOut:
    return invitation_out(
        await asked.core.invitations.resend(asked.caller, asked.path["org"], asked.path["invitationId"])
    )


async def withdraw(asked: Asked[NoQuery, None]) -> None:
    await asked.core.invitations.withdraw(asked.caller, asked.path["org"], asked.path["invitationId"])


async def show(asked: Asked[NoQuery, None]) -> OfferOut:
    return offer_out(*await asked.core.invitations.look(asked.path["token"]))


async def accept(asked: Asked[NoQuery, AcceptanceIn]) -> OrganizationOut:
    token, given = asked.path["token"], asked.body
    if given.password is None and given.name is None:
        return organization_out(await asked.core.invitations.accept(asked.caller, token))
    if given.password is None or given.name is None:
        missing = "/password" if given.password is None else "/name"
        raise FieldsInvalid([{"pointer": missing, "detail": "a new account needs a name and a password"}])
    _, organization = await asked.core.invitations.accept_new(token, given.name, given.password)
    return organization_out(organization)
