"""`jinba-mcp keys`: API keys of an organization, and personal keys of a user."""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from pydantic.alias_generators import to_camel

from jinba_mcp.cli import addresses, answers, local, output, reach
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org, duration_s, group, instant
from jinba_mcp.client import AsyncJinba
from jinba_mcp.client.documents import IssuedKey, Key
from jinba_mcp.clock import system_clock
from jinba_mcp.domain.caller import operator
from jinba_mcp.faces.web import sites

if TYPE_CHECKING:
    from jinba_mcp.app import App
    from jinba_mcp.core.keys import KeyTerms

app = group("Create, list, rotate and revoke API keys.", reaches=True)

T = TypeVar("T")

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The id of the key, as `keys list` shows it.")]

OfUser = Annotated[
    str | None, typer.Option("--user", metavar="EMAIL", help="The personal keys of this user; not on a server.")
]

_OPTIONS = {"scopes": "--scope", "toolsets": "--toolset", "tools": "--tool", "allowed_ips": "--allow-ip"}


@app.command()
def create(  # noqa: PLR0913  a key has these terms
    *,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the key is called in lists.")],
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="read (default), execute (default), write or admin; repeatable."),
    ] = None,
    toolset: Annotated[
        list[str] | None, typer.Option("--toolset", metavar="SLUG", help="Narrow the key to this ToolSet; repeatable.")
    ] = None,
    tool: Annotated[
        list[str] | None,
        typer.Option("--tool", metavar="TOOLSET/TOOL", help="Narrow the key to this tool; repeatable."),
    ] = None,
    allow_ip: Annotated[
        list[str] | None,
        typer.Option("--allow-ip", metavar="CIDR", help="Accept the key from this network only; repeatable."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="WHEN", help="A duration such as 30d, or a time in RFC 3339.")
    ] = None,
    rate_limit: Annotated[
        int | None, typer.Option("--rate-limit", metavar="COUNT", help="Accept so many requests a minute with the key.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="EMAIL", help="Make it a personal key of this user; not on a server."),
    ] = None,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Create a key and print it, this one time."""
    from jinba_mcp.core.keys import KeyTerms  # noqa: PLC0415  the core, which no other verb needs on a server

    given = {"scopes": scope, "toolsets": toolset, "tools": tool, "allowed_ips": allow_ip}
    values: dict[str, object] = {field: tuple(value) for field, value in given.items() if value}
    expires_at = None if expires is None else instant("--expires", expires, system_clock())
    terms = local.record(
        KeyTerms, {"name": name, "expires_at": expires_at, "rate_limit": rate_limit, **values}, _OPTIONS
    )

    sent = _told(terms)

    async def issue(jinba: AsyncJinba) -> IssuedKey:
        return await jinba.keys.issue(**sent)

    async def issue_personal(app: "App") -> IssuedKey:
        from jinba_mcp.faces.rest.key_schemas import issued_key_out  # noqa: PLC0415  as in `local.with_app`

        base = addresses.base_url(app.settings)
        issued = await app.core.keys.issue_personal(operator(), terms, email=user)
        told: IssuedKey = answers.told(issued_key_out(issued, base, sites.everything_endpoint(base)))
        return told

    _show_issued(reach.on_server(org, issue) if user is None else _of_user(issue_personal), as_json=as_json)


@app.command("list")
def list_keys(*, user: OfUser = None, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List the keys of an organization, or the personal keys of a user, newest first."""

    async def gather(jinba: AsyncJinba) -> list[Key]:
        return [key async for key in jinba.keys.list()]

    async def gather_personal(app: "App") -> list[Key]:
        from jinba_mcp.faces.rest.key_schemas import key_out  # noqa: PLC0415  as in `local.with_app`

        found = await local.all_of(lambda request: app.core.keys.page_personal(operator(), request, email=user))
        return [answers.told(key_out(key)) for key in found]

    found = reach.on_server(org, gather) if user is None else _of_user(gather_personal)
    if as_json:
        answers.listed(found)
        return
    output.table(
        ["ID", "NAME", "PREFIX", "SCOPES", "NARROWED TO", "CREATED", "LAST USED", "EXPIRES"],
        [
            (
                key["id"], key["name"], key["prefix"] + "…", key["scopes"], _narrowing(key),
                *(answers.instant(at) for at in (key["createdAt"], key["lastUsedAt"], key["expiresAt"])),
            )
            for key in found
        ],
    )  # fmt: skip


@app.command()
def revoke(key_id: KeyId, *, user: OfUser = None, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """End a key for good; the next request with it is refused. Its runs stay."""
    if sys.stdin.isatty() and not output.confirms(f"Revoke {key_id} for good?"):
        raise output.Failed("Nothing was revoked.")

    async def end(jinba: AsyncJinba) -> None:
        await jinba.keys.revoke(key_id)

    async def end_personal(app: "App") -> None:
        await app.core.keys.revoke_personal(operator(), key_id, email=user)

    if user is None:
        reach.on_server(org, end)
    else:
        _of_user(end_personal)
    if as_json:
        output.document({"id": key_id, "revoked": True})
    else:
        output.line(f"Revoked {key_id}.")


@app.command()
def rotate(
    key_id: KeyId,
    *,
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="DURATION", help="How long the old secret still works, such as 1h.")
    ] = "0s",
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret and print it, this one time."""
    overlap_s = duration_s("--overlap", overlap)

    async def renew(jinba: AsyncJinba) -> IssuedKey:
        return await jinba.keys.rotate(key_id, overlap_s=overlap_s)

    _show_issued(reach.on_server(org, renew), as_json=as_json)


def _of_user(work: "Callable[[App], Awaitable[T]]") -> T:
    """Work on someone else's personal keys, which only whoever holds the machine may."""
    reach.require_local("--user")
    return local.with_app(work)


def _told(terms: "KeyTerms") -> dict[str, Any]:
    """The terms as REST calls them."""
    return {to_camel(field): value for field, value in terms.model_dump(mode="json").items()}


def _show_issued(issued: IssuedKey, *, as_json: bool) -> None:
    if as_json:
        output.document(issued)
        return
    output.line(issued["key"])
    output.note(f"This is {issued['id']}, shown only this once. Keep it; there is no way to see it again.")


def _narrowing(key: Key) -> str:
    parts = [*(key["toolsets"] or ()), *(key["tools"] or ()), *(key["allowedIps"] or ())]
    return ", ".join(parts) or "-"
