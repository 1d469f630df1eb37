"""`jinba-mcp orgs`: the organizations of this installation."""

from typing import Annotated

import typer

from jinba_mcp.app import App
from jinba_mcp.cli import answers, local, output
from jinba_mcp.cli.options import AsJson, group
from jinba_mcp.domain.caller import operator
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.faces.rest.schemas import organization_out

app = group("Create and list organizations.")


@app.command()
def create(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Its name in URLs: lower-case letters, digits, hyphens.")],
    *,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What people call it; the slug if not given.")
    ] = "",
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="EMAIL", help="The user who owns it, made when new.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an organization."""

    async def make(app: App) -> Organization:
        return await app.core.organizations.create(operator(), slug, name, owner_email=owner)

    made = local.with_app(make)
    if as_json:
        answers.one(organization_out(made))
        return
    output.line(f"Created {made.slug} ({made.id}).")
    output.note(f"Make a key for it: jinba-mcp keys create --org {made.slug} --name NAME --scope admin")


@app.command("list")
def list_organizations(*, as_json: AsJson = False) -> None:
    """List all organizations."""

    async def gather(app: App) -> list[Organization]:
        return await local.all_of(lambda request: app.core.organizations.page(operator(), request))

    found = local.with_app(gather)
    if as_json:
        answers.listing(organization_out(organization) for organization in found)
        return
    rows = [(organization.slug, organization.id, organization.name, organization.created_at) for organization in found]
    output.table(["SLUG", "ID", "NAME", "CREATED"], rows)
