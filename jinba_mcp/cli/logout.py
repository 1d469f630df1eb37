"""`jinba-mcp logout`: forget the key to a server."""

from typing import Annotated

import typer

from jinba_mcp.cli import output, profile_file
from jinba_mcp.cli.options import AsJson, single

app = single()


@app.command()
def logout(
    *,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="NAME", help="The profile to forget; else the one in use.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Forget the key to a server. The key itself goes on working; `keys revoke` ends it."""
    kept = profile_file.read()
    name = profile or kept.current
    if name is None:
        raise output.Failed("No profile is in use. Say which one to forget: --profile NAME")
    url = kept.get(name).url
    profile_file.write(kept.without(name))
    if as_json:
        output.document({"profile": name, "url": url, "forgotten": True})
    else:
        output.line(f"Forgot the key to {url} (profile {name}).")
