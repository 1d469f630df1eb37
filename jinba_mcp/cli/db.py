"""`jinba-mcp db`: the database itself. Only `upgrade` migrates one that is there, so that a backup can come first."""

from pathlib import Path
from typing import Annotated

import typer

from jinba_mcp.app import App
from jinba_mcp.cli import local, output
from jinba_mcp.cli.options import AsJson, group

app = group("Upgrade, check and back up the database.")


@app.command()
def upgrade(*, as_json: AsJson = False) -> None:
    """Bring the database schema to the newest revision; `serve` does it, too."""

    async def migrate(app: App) -> tuple[str | None, str | None]:
        before = await app.store.schema_revision()
        await app.store.upgrade()
        return before, await app.store.schema_revision()

    before, after = local.with_app(migrate, migrates=False)
    if as_json:
        output.document({"before": before, "revision": after})
    elif before == after:
        output.line(f"The schema is at {after}, the newest revision.")
    else:
        output.line(f"Upgraded the schema from {before} to {after}.")


@app.command()
def check(*, as_json: AsJson = False) -> None:
    """Read the whole database and say what is wrong with it."""

    async def look(app: App) -> list[str]:
        return await app.store.check()

    problems = local.with_app(look, migrates=False)
    if as_json:
        output.document({"ok": not problems, "problems": problems})
    for problem in problems:
        output.problem(problem)
    if problems:
        raise typer.Exit(1)
    if not as_json:
        output.line("The database is healthy.")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file to write; it must not exist.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Copy the SQLite database to a file, as of one moment, while servers run."""
    target = file.expanduser().absolute()

    async def copy(app: App) -> int:
        await app.store.backup(target)
        return target.stat().st_size

    size = local.with_app(copy, migrates=False)
    if as_json:
        output.document({"file": str(target), "bytes": size})
    else:
        output.line(f"Wrote {target} ({size} bytes).")
