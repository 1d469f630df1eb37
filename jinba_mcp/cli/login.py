"""`jinba-mcp login`: keep the key to a server, for the commands that follow."""

import os
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from jinba_mcp.cli import output, profile_file, reach
from jinba_mcp.cli.options import AsJson, single
from jinba_mcp.cli.profile_file import Profile
from jinba_mcp.client import AsyncJinba
from jinba_mcp.client.clients import DEFAULT_URL
from jinba_mcp.client.documents import Me

app = single()

_MAX_KEY_CHARS = 1_000


@app.command()
def login(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help=f"The server; else JINBA_URL, or {DEFAULT_URL}.")
    ] = None,
    *,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="NAME", help="What to keep it as; else the host.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep the key to a server, and have commands work there. It is typed unseen, or comes from standard input."""
    where = reach.usable(url or os.environ.get("JINBA_URL") or DEFAULT_URL)
    profile_file.read()  # a file that cannot be used is told of before anybody types a key
    key = _read(where)

    async def ask(jinba: AsyncJinba) -> Me:
        return await jinba.me()

    me = reach.over_network(reach.Server(where, key), None, ask)
    whom = _whom(where, me)
    name = profile or urlsplit(where).netloc
    # Read again, since others may have logged in or out while the key was typed.
    profile_file.write(profile_file.read().having(name, Profile(url=where, key=key)))
    if as_json:
        output.document({"profile": name, "url": where, "me": me})
    else:
        output.line(f"Logged in to {where} {whom}.")
        output.note(
            f"Commands work there from now on (profile {name}), unless told otherwise: --local, --url, --profile."
        )


def _read(url: str) -> str:
    if sys.stdin.isatty():
        key = str(typer.prompt(f"Key for {output.printable(url)}", hide_input=True, err=True))
    else:
        key = sys.stdin.readline(_MAX_KEY_CHARS)
    if not key.strip():
        raise output.Misused("There is no key on standard input.")
    return key.strip()


def _whom(url: str, me: Me) -> str:
    """Whose key it is, for recognition.

    Raises:
        Failed: the answer is that of something else than a Jinba server.
    """
    try:
        key, organization, user = me["key"], me["organization"], me["user"]
        whose = organization["slug"] if organization is not None else "" if user is None else user["email"]
        said = "" if key is None else f"with the key '{key['name']}' ({key['prefix']}…) of {whose}"
    except (KeyError, TypeError) as error:
        raise output.Failed(f"What answered at {url} does not look like a Jinba server; nothing is kept.") from error
    return output.printable(said)
