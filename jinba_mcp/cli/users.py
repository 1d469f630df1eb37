"""`jinba-mcp users`: the people of this installation."""

import sys
from typing import Annotated

import typer

from jinba_mcp.app import App
from jinba_mcp.cli import answers, local, output
from jinba_mcp.cli.options import AsJson, group
from jinba_mcp.core.users import NewUser
from jinba_mcp.domain.caller import operator
from jinba_mcp.domain.passwords import MAX_LENGTH
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.users import User
from jinba_mcp.faces.rest.user_schemas import user_out

app = group("Add, list and remove users.")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The e-mail address.")]
_NEXT = "It sets a password once, within an hour: POST it as 'token' with 'password' to /v1/auth/password/reset."


@app.command()
def add(  # noqa: PLR0913  a user, where they belong and how to answer
    email: Email,
    *,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What they are called; the address if not given.")
    ] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Read a password, unseen or from standard input, instead of a token.")
    ] = False,
    org: Annotated[
        str | None, typer.Option("--org", metavar="SLUG", help="An organization to make them a member of.")
    ] = None,
    role: Annotated[
        Role, typer.Option("--role", help="Their role there; owner only where there is none yet.")
    ] = Role.MEMBER,
    as_json: AsJson = False,
) -> None:
    """Add a user, and print the token with which they set their password."""
    fields: dict[str, object] = {"email": email, "name": name or email, "password": _read() if password else None}
    wanted = local.record(NewUser, fields, {"email": "EMAIL"})

    async def make(app: App) -> tuple[User, str | None]:
        user = await app.core.users.add(operator(), wanted, org, role)
        return user, None if password else await app.core.passwords.issue_reset(operator(), user.email)

    user, token = local.with_app(make)
    if as_json:
        answers.one(user_out(user), {"token": token})
        return
    output.note(f"Added {user.email} ({user.id}).")
    if token is not None:
        _show(token)


@app.command("list")
def list_users(*, as_json: AsJson = False) -> None:
    """List all users, oldest first."""

    async def gather(app: App) -> list[User]:
        return await local.all_of(lambda request: app.core.users.page(operator(), request))

    found = local.with_app(gather)
    if as_json:
        answers.listing(user_out(user) for user in found)
        return
    output.table(
        ["EMAIL", "NAME", "ID", "CREATED"], [(user.email, user.name, user.id, user.created_at) for user in found]
    )


@app.command()
def remove(email: Email, *, as_json: AsJson = False) -> None:
    """Remove a user with sessions and personal keys, which stop at once; runs and organizations' keys stay."""
    if sys.stdin.isatty() and not output.confirms(f"Remove {email} for good?"):
        raise output.Failed("Nobody was removed.")

    async def end(app: App) -> User:
        return await app.core.users.remove(operator(), email)

    user = local.with_app(end)
    if as_json:
        output.document({"id": user.id, "removed": True})
    else:
        output.line(f"Removed {user.email}.")


@app.command("reset-password")
def reset_password(email: Email, *, as_json: AsJson = False) -> None:
    """Print a token that sets a new password; it is good once, for an hour, and earlier ones end."""

    async def issue(app: App) -> str:
        return await app.core.passwords.issue_reset(operator(), email)

    token = local.with_app(issue)
    if as_json:
        output.document({"email": email, "token": token})
    else:
        _show(token)


def _show(token: str) -> None:
    output.line(token)
    output.note(_NEXT)


def _read() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.read(MAX_LENGTH + 2).removesuffix("\n").removesuffix("\r")
