"""`jinba-mcp orgs`: the organizations of this installation."""

from typing import TYPE_CHECKING, Annotated

import typer

from jinba_mcp.cli import answers, local, output, reach
from jinba_mcp.cli.options import AsJson, group
from jinba_mcp.client import AsyncJinba
from jinba_mcp.client.documents import Organization, Retention
from jinba_mcp.domain import ids
from jinba_mcp.domain.caller import operator

if TYPE_CHECKING:
    from jinba_mcp.app import App

app = group("Create, list, rename and delete organizations.", reaches=True)

Existing = Annotated[str, typer.Argument(metavar="SLUG", help="The slug of the organization.")]


@app.command()
def create(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Its name in URLs: lower-case letters, digits, hyphens.")],
    *,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What people call it; the slug if not given.")
    ] = "",
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="EMAIL", help="The user who owns it, made when new; not on a server."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an organization; on a server it belongs to the user whose personal key asks."""

    _check(slug)

    async def make(jinba: AsyncJinba) -> Organization:
        return await jinba.organizations.create(slug, name=name or None)

    made = reach.on_server(None, make) if owner is None else _made_for(owner, slug, name)
    if as_json:
        output.document(made)
        return
    output.line(f"Created {made['slug']} ({made['id']}).")
    output.note(f"Make a key for it: jinba-mcp keys create --org {made['slug']} --name NAME --scope admin")


@app.command("list")
def list_organizations(*, as_json: AsJson = False) -> None:
    """List all organizations; on a server, those of the key."""

    async def gather(jinba: AsyncJinba) -> list[Organization]:
        return [organization async for organization in jinba.organizations.list()]

    found = reach.on_server(None, gather)
    if as_json:
        answers.listed(found)
        return
    rows = [(each["slug"], each["id"], each["name"], answers.instant(each["createdAt"])) for each in found]
    output.table(["SLUG", "ID", "NAME", "CREATED"], rows)


@app.command()
def rename(
    organization: Existing,
    *,
    slug: Annotated[str | None, typer.Option("--slug", metavar="SLUG", help="Its new name in URLs.")] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What people call it from now on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change what an organization is called; URLs with its old slug go on working, and nobody else gets that."""
    if slug is None and name is None:
        raise output.Misused("Give --slug, --name or both.")
    if slug is not None:
        _check(slug)

    async def change(jinba: AsyncJinba) -> Organization:
        return await jinba.organizations.change(slug=slug, name=name)

    changed = reach.on_server(organization, change)
    if as_json:
        output.document(changed)
    else:
        output.line(f"{organization} is now {changed['slug']}, called {changed['name']}.")


@app.command()
def retention(
    organization: Existing,
    *,
    days: Annotated[int | None, typer.Option("--days", metavar="N", help="Keep runs for so many days.")] = None,
    count: Annotated[int | None, typer.Option("--count", metavar="N", help="Keep so many runs, the newest.")] = None,
    default: Annotated[bool, typer.Option("--default", help="Leave both to the server.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show or change how long records of runs are kept; never longer than the server keeps them."""
    if default and (days is not None or count is not None):
        raise output.Misused("Give --default, or --days and --count.")
    is_change = default or days is not None or count is not None

    async def keep(jinba: AsyncJinba) -> Retention:
        if is_change:
            return await jinba.organizations.retain(days=days, count=count)
        return await jinba.organizations.retention()

    kept = reach.on_server(organization, keep)
    if as_json:
        output.document(kept)
        return
    rows = [("days", kept["days"], kept["maxDays"]), ("runs", kept["count"], kept["maxCount"])]
    output.table(["AT MOST", "OF ITS OWN", "THE SERVER'S"], rows)


@app.command()
def delete(
    organization: Existing,
    *,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="SLUG", help="Its slug once more; without it nothing happens.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Delete an organization for good; without --confirm, say what would go with it."""

    async def end(jinba: AsyncJinba) -> None:
        await jinba.organizations.delete(organization, confirm=confirm)

    # A server goes on with it by itself.
    reach.on_server(organization, end, finish=lambda app: app.core.organizations.finish_removals())
    if as_json:
        output.document({"slug": organization, "deleted": True})
    else:
        output.line(f"Deleted {organization}.")


def _check(slug: str) -> None:
    if not ids.is_slug(slug):
        raise output.Failed(f"'{slug}' cannot be a slug: {ids.SLUG_RULE}.")


def _made_for(owner: str, slug: str, name: str) -> Organization:
    """A new organization that belongs to someone else, which only whoever holds the machine may make."""
    reach.require_local("--owner")
    from jinba_mcp.faces.rest.schemas import organization_out  # noqa: PLC0415  as in `local.with_app`

    async def make(app: "App") -> Organization:
        made = await app.core.organizations.create(operator(), slug, name, owner_email=owner)
        told: Organization = answers.told(organization_out(made))
        return told

    return local.with_app(make)
