"""`jinba-mcp env`: the variables and secrets that ToolSets are run with."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from jinba_mcp.cli import answers, local, output, reach
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, OnMachine, Org, Slug, group
from jinba_mcp.client import AsyncJinba
from jinba_mcp.client.documents import Variable
from jinba_mcp.domain.caller import operator
from jinba_mcp.domain.env import MAX_VALUE_CHARS, Setting

if TYPE_CHECKING:
    from jinba_mcp.app import App
    from jinba_mcp.core.env import Rotation

app = group("Set the variables and secrets of ToolSets.", reaches=True)

Key = Annotated[str, typer.Argument(metavar="KEY", help="The name of the variable, such as SLACK_BOT_TOKEN.")]


@app.command("list")
def list_env(slug: Slug, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List what is set and what the ToolSet expects; values of secrets are never shown."""

    async def gather(jinba: AsyncJinba) -> list[Variable]:
        return [variable async for variable in jinba.env.list(slug)]

    found = reach.on_server(org, gather)
    if as_json:
        answers.listed(found)
        return
    output.table(
        ["KEY", "SECRET", "SET", "VALUE", "UPDATED"],
        [
            (
                each["key"],
                each["secret"],
                each["isSet"],
                output.shortened(each["value"] or ""),
                answers.instant(each["updatedAt"]),
            )
            for each in found
        ],
    )


@app.command("set")
def set_variable(  # noqa: PLR0913  a variable, its value, where it belongs and how to answer
    slug: Slug,
    key: Key,
    *,
    value: Annotated[
        str | None, typer.Option("--value", metavar="VALUE", help="The value; without it, it is read from the input.")
    ] = None,
    secret: Annotated[bool, typer.Option("--secret", help="Seal it: nobody gets it back, and logs mask it.")] = False,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Set a variable; the next run gets it. A secret's value is typed unseen, or comes from standard input."""
    if secret and value is not None:
        raise output.Misused("A secret on the command line stays in the shell's history; leave --value out.")
    given = _read(key, is_secret=secret) if value is None else value
    setting = local.record(Setting, {"key": key, "value": given, "is_secret": secret}, {"key": "KEY"})

    async def put(jinba: AsyncJinba) -> Variable:
        return await jinba.env.put(slug, setting.key, setting.value, secret=setting.is_secret)

    variable = reach.on_server(org, put)
    if as_json:
        output.document(variable)
        return
    output.line(f"Set {key}{' (secret)' if secret else ''}; the next run of {slug} gets it.")


@app.command()
def unset(slug: Slug, key: Key, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Unset a variable; a plain value in toolset.yml shows again."""

    async def remove(jinba: AsyncJinba) -> None:
        await jinba.env.delete(slug, key)

    reach.on_server(org, remove)
    if as_json:
        output.document({"key": key, "unset": True})
    else:
        output.line(f"Unset {key}.")


@app.command(cls=OnMachine)
def rotate(*, as_json: AsJson = False) -> None:
    """Seal every secret under a new key and forget the old one.

    With JINBA_SECRET_KEY: put a new key in front of the old one there, run this, then take the old one out.
    """

    async def reseal(app: "App") -> "Rotation":
        return await app.core.env.rotate(operator())

    done = local.with_app(reseal)
    if as_json:
        output.document({"resealed": done.resealed_count})
    else:
        output.line(f"Sealed {done.resealed_count} secrets under the new key.")


@app.command("new-key", cls=OnMachine)
def new_key(*, as_json: AsJson = False) -> None:
    """Print a fresh key for JINBA_SECRET_KEY."""
    from jinba_mcp.core import sealing  # noqa: PLC0415  cryptography, for this alone

    key = sealing.new_key()
    if as_json:
        output.document({"key": key})
    else:
        output.line(key)


def _read(key: str, *, is_secret: bool) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(key, hide_input=is_secret, err=True))
    text = sys.stdin.read(MAX_VALUE_CHARS + 2)
    return text.removesuffix("\n").removesuffix("\r")
