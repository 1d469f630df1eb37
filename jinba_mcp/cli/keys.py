"""`jinba-mcp keys`: API keys of an organization, and personal keys of a user."""

import sys
from typing import Annotated

import typer

from jinba_mcp.cli import addresses, answers, local, output
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org, duration_s, group, instant
from jinba_mcp.clock import system_clock
from jinba_mcp.core.core import Core
from jinba_mcp.core.keys import IssuedKey, KeyTerms
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.keys import Key, KeyKind
from jinba_mcp.faces.rest.key_schemas import issued_key_out, key_out
from jinba_mcp.faces.web import sites

app = group("Create, list, rotate and revoke API keys.")

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The id of the key, as `keys list` shows it.")]

OfUser = Annotated[
    str | None, typer.Option("--user", metavar="EMAIL", help="Look at the personal keys of this user instead.")
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
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="EMAIL", help="Make it a personal key, which acts as this user everywhere."),
    ] = None,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Create a key and print it, this one time."""
    given = {"scopes": scope, "toolsets": toolset, "tools": tool, "allowed_ips": allow_ip}
    values: dict[str, object] = {field: tuple(value) for field, value in given.items() if value}
    expires_at = None if expires is None else instant("--expires", expires, system_clock())
    terms = local.record(KeyTerms, {"name": name, "expires_at": expires_at, **values}, _OPTIONS)

    async def issue(core: Core, caller: Caller) -> IssuedKey:
        if user is not None:
            return await core.keys.issue_personal(caller, terms, email=user)
        return await core.keys.issue(caller, org, terms)

    _show_issued(local.as_operator(org, issue), org, as_json=as_json)


@app.command("list")
def list_keys(*, user: OfUser = None, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List the keys of an organization, or the personal keys of a user, newest first."""

    async def gather(core: Core, caller: Caller) -> list[Key]:
        if user is not None:
            return await local.all_of(lambda request: core.keys.page_personal(caller, request, email=user))
        return await local.all_of(lambda request: core.keys.page(caller, org, request))

    found = local.as_operator(org, gather)
    if as_json:
        answers.listing(key_out(key) for key in found)
        return
    output.table(
        ["ID", "NAME", "PREFIX", "SCOPES", "NARROWED TO", "CREATED", "LAST USED", "EXPIRES"],
        [
            (
                key.id, key.name, key.prefix + "…", key.scopes,
                _narrowing(key), key.created_at, key.last_used_at, key.expires_at,
            )
            for key in found
        ],
    )  # fmt: skip


@app.command()
def revoke(key_id: KeyId, *, user: OfUser = None, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """End a key for good; the next request with it is refused. Its runs stay."""
    if sys.stdin.isatty() and not _confirms(f"Revoke {key_id} for good?"):
        raise output.Failed("Nothing was revoked.")

    async def end(core: Core, caller: Caller) -> None:
        if user is not None:
            await core.keys.revoke_personal(caller, key_id, email=user)
        else:
            await core.keys.revoke(caller, org, key_id)

    local.as_operator(org, end)
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

    async def renew(core: Core, caller: Caller) -> IssuedKey:
        return await core.keys.rotate(caller, org, key_id, overlap_s=overlap_s)

    _show_issued(local.as_operator(org, renew), org, as_json=as_json)


def _confirms(question: str) -> bool:
    # Asked by hand, because typer writes part of its prompt to standard output.
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _show_issued(issued: IssuedKey, org: str, *, as_json: bool) -> None:
    if as_json:
        base = addresses.base_url(local.read_settings())
        is_personal = issued.key.kind is KeyKind.PERSONAL
        endpoint = sites.everything_endpoint(base) if is_personal else sites.organization_endpoint(base, org)
        answers.one(issued_key_out(issued, base, endpoint))
        return
    output.line(issued.secret)
    output.note(f"This is {issued.key.id}, shown only this once. Keep it; there is no way to see it again.")


def _narrowing(key: Key) -> str:
    parts = [*(key.toolsets or ()), *(key.tools or ()), *(key.allowed_ips or ())]
    return ", ".join(parts) or "-"
