"""`jinba-mcp profiles`: the servers that `login` was run for, and which one is in use."""

from typing import Annotated

import typer

from jinba_mcp.cli import output, profile_file
from jinba_mcp.cli.options import AsJson, group

app = group("List the servers logged in to, and choose between them.")


@app.command("list")
def list_profiles(*, as_json: AsJson = False) -> None:
    """List the servers logged in to; keys are never shown."""
    kept = profile_file.read()
    found = [(name, profile.url, name == kept.current) for name, profile in sorted(kept.profiles.items())]
    if as_json:
        data = [{"name": name, "url": url, "isCurrent": is_current} for name, url, is_current in found]
        output.document({"data": data, "nextCursor": None})
    else:
        output.table(["PROFILE", "URL", "IN USE"], found)


@app.command()
def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile, as `profiles list` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Have commands work on this server from now on."""
    kept = profile_file.read().using(name)
    profile_file.write(kept)
    _say(name, kept.get(name).url, as_json=as_json)


@app.command()
def leave(*, as_json: AsJson = False) -> None:
    """Have commands work on the registry of this machine again; keys are kept."""
    profile_file.write(profile_file.read().leaving())
    _say(None, None, as_json=as_json)


def _say(name: str | None, url: str | None, *, as_json: bool) -> None:
    if as_json:
        output.document({"name": name, "url": url})
    else:
        output.line(f"Commands work on {url or 'the registry of this machine'} from now on.")
