"""`jinba-mcp toolsets init`: a folder to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from jinba_mcp.cli import output, scaffold
from jinba_mcp.cli.options import AsJson
from jinba_mcp.domain import ids


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to make; its name becomes the slug of the ToolSet.")
    ],
    *,
    typescript: Annotated[bool, typer.Option("--typescript", help="In TypeScript instead of Python.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a ToolSet folder with one tool that runs, for you to change."""
    path = directory.absolute()
    slug = path.name
    if not ids.is_slug(slug):
        raise output.Misused(f"'{slug}' cannot be the slug of a ToolSet: {ids.SLUG_RULE}.")
    files = scaffold.new_toolset(slug, "typescript" if typescript else "python")
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise output.Failed(f"{directory} is there already, and not empty. Choose a folder that is new or empty.")
        for name, text in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise output.Failed(f"{directory} cannot be written: {error.strerror}.") from error
    if as_json:
        output.document({"slug": slug, "path": str(path), "files": sorted(files)})
        return
    for name in files:
        output.line(f"{directory / name}")
    output.line(f"\nServe it while you change it:  jinba-mcp toolsets dev {directory}")
    output.line(f"Publish it and call it:        jinba-mcp toolsets push {directory}")
    output.line(f"                               jinba-mcp tools run {slug}/greet name=Alice")
