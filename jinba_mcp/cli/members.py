"""`jinba-mcp members`: who belongs to an organization, and as what."""

from typing import Annotated

import typer

from jinba_mcp.cli import answers, local, output, reach
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org, group
from jinba_mcp.client import AsyncJinba
from jinba_mcp.client.documents import Invitation, IssuedInvitation, Member, Role
from jinba_mcp.domain.errors import MemberNotFound
from jinba_mcp.domain.invitations import Offer
from jinba_mcp.domain.users import folded

app = group("List, invite, promote and remove members of an organization.", reaches=True)

Who = Annotated[str, typer.Argument(metavar="EMAIL", help="The e-mail address (or the id) of the member.")]
As = Annotated[Role, typer.Argument(metavar="ROLE", help="owner, admin or member.")]


@app.command("list")
def list_members(*, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List the members of an organization and their roles."""

    found = reach.on_server(org, _all)
    if as_json:
        answers.listed(found)
        return
    rows = [(member["email"], member["name"], member["role"], member["userId"]) for member in found]
    output.table(["EMAIL", "NAME", "ROLE", "ID"], rows)


@app.command("set-role")
def set_role(who: Who, role: As, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Give a member another role; a new owner takes the place of the old one, who becomes an admin."""

    async def change(jinba: AsyncJinba) -> Member:
        return await jinba.members.set_role(await _id(jinba, who), role)

    changed = reach.on_server(org, change)
    if as_json:
        output.document(changed)
    else:
        output.line(f"{changed['email']} is now {changed['role']} of {org}.")


@app.command()
def remove(who: Who, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """End a membership; the next request of that user finds nothing of the organization."""

    async def end(jinba: AsyncJinba) -> str:
        user_id = await _id(jinba, who)
        await jinba.members.remove(user_id)
        return user_id

    user_id = reach.on_server(org, end)
    if as_json:
        output.document({"userId": user_id, "removed": True})
    else:
        output.line(f"Removed {who} from {org}.")


@app.command()
def invite(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The e-mail address to invite.")],
    *,
    role: Annotated[Role, typer.Option("--role", help="What they will be.")] = "member",
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Invite someone: by mail where JINBA_SMTP_HOST is set, otherwise with a link to hand over. Good for 7 days."""
    offer = local.record(Offer, {"email": email, "role": role}, {"email": "EMAIL"})

    async def make(jinba: AsyncJinba) -> IssuedInvitation:
        return await jinba.invitations.create(offer.email, role=role)

    issued = reach.on_server(org, make)
    if as_json:
        output.document(issued)
        return
    if issued["link"] is None:
        output.line(f"The server mails the invitation to {email}; 'members invitations' says what came of it.")
    else:
        output.line(issued["link"])
        output.note(f"Hand this over to {email}; it is shown only this once.")


@app.command()
def invitations(*, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List the open invitations, and what came of mailing them."""

    async def gather(jinba: AsyncJinba) -> list[Invitation]:
        return [invitation async for invitation in jinba.invitations.list()]

    found = reach.on_server(org, gather)
    if as_json:
        answers.listed(found)
        return
    rows = [(each["email"], each["role"], each["expiresAt"], each["mail"], each["mailError"]) for each in found]
    output.table(["EMAIL", "ROLE", "EXPIRES", "MAIL", "WHY"], rows)


async def _all(jinba: AsyncJinba) -> list[Member]:
    return [member async for member in jinba.members.list()]


async def _id(jinba: AsyncJinba, who: str) -> str:
    for member in await _all(jinba):
        if who == member["userId"] or folded(who) == folded(member["email"]):
            return member["userId"]
    raise MemberNotFound(who)
