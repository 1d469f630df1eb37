"""`jinba-mcp toolsets dev`: a folder served as it is being written; see `development`."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_PORT = 8701


def dev(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A ToolSet folder, or a folder of them."),
    ],
    *,
    port: Annotated[
        int,
        typer.Option("--port", metavar="PORT", min=0, max=65535, help="The port on this machine, 0 for a free one."),
    ] = DEFAULT_PORT,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for all that happens.")] = False,
) -> None:
    """Serve a ToolSet on this machine while you write it: every change is checked and active at once.

    The registry is a new one that is gone when you stop. Secrets that toolset.yml names are taken from the environment.
    What is wrong is told, and the last version that worked goes on.
    """
    from jinba_mcp.cli import development  # noqa: PLC0415  a server, which no other verb of this noun is

    if development.serve(directory.absolute(), port, as_json=as_json):
        raise typer.Exit(130)
