"""`jinba-mcp toolsets` on versions: publishing the draft, choosing the active one, comparing, taking back."""

from typing import Annotated, Any

import typer

from jinba_mcp.cli import answers, output, progress, reach
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org, Slug
from jinba_mcp.client import AsyncJinba
from jinba_mcp.client.documents import Diff, ToolSet, ToolSetDetail, Version

SLOW_S = 900.0
"""How long to wait for what may have a server install packages."""

Number = Annotated[str, typer.Argument(metavar="VERSION", help="The number of a published version.")]


def publish(  # noqa: PLR0913  a publication has these terms
    slug: Slug,
    *,
    version: Annotated[
        str | None,
        typer.Option(
            "--version", metavar="VERSION", help="Its number, which must exceed the latest; else the next patch."
        ),
    ] = None,
    notes: Annotated[str, typer.Option("--notes", metavar="TEXT", help="What is new, for people.")] = "",
    activate: Annotated[bool, typer.Option("--activate", help="Make it the active version at once.")] = False,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Freeze the draft as a version.

    The first one is activated in any case.
    """

    async def freeze(jinba: AsyncJinba) -> Version:
        return await jinba.versions.publish(slug, version=version, release_notes=notes, activate=activate or None)

    with progress.telling(f"Publishing {slug}"):
        made = reach.on_server(org, freeze, timeout_s=SLOW_S)
    if as_json:
        output.document(made)
    else:
        output.line(f"Published {slug} {made['version']} ({made['digest']}).")


def activate(slug: Slug, number: Number, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Make a version the active one, forward or back.

    The next call gets it.
    """

    async def move(jinba: AsyncJinba) -> ToolSet:
        return await jinba.toolsets.activate(slug, number)

    toolset = reach.on_server(org, move)
    if as_json:
        output.document(toolset)
    else:
        output.line(f"{toolset['slug']} {toolset['publishedVersion']} is active.")


def versions(slug: Slug, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List the versions of a ToolSet, newest first."""

    async def gather(jinba: AsyncJinba) -> tuple[ToolSetDetail, list[Version]]:
        return await jinba.toolsets.get(slug), [each async for each in jinba.versions.list(slug, limit=200)]

    toolset, found = reach.on_server(org, gather)
    if as_json:
        answers.listed(found)
        return
    output.table(
        ["VERSION", "ACTIVE", "STATE", "PUBLISHED", "BY", "DIGEST", "NOTES"],
        [
            (
                each["version"], each["version"] == toolset["publishedVersion"], _state(each),
                answers.instant(each["createdAt"]), each["publishedBy"], each["digest"],
                output.shortened(each["releaseNotes"]),
            )
            for each in found
        ],
    )  # fmt: skip


def diff(
    slug: Slug,
    before: Annotated[str, typer.Argument(metavar="A", help="The version to start from, or draft.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The version to go to, or draft.")],
    *,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Show what changed from one version to another."""

    async def compare(jinba: AsyncJinba) -> Diff:
        return await jinba.versions.diff(slug, before, after)

    found = reach.on_server(org, compare)
    if as_json:
        output.document(found)
        return
    changed = (f"{change['tool']} ({output.cell(change['fields'])})" for change in found["changed"])
    lines = [
        *(f"+ {tool}" for tool in found["added"]),
        *(f"- {tool}" for tool in found["removed"]),
        *(f"~ {tool}" for tool in changed),
        *(f"~ the ToolSet's {field}" for field in found["toolSetFields"]),
        *(f"! {broken['tool']} {broken['pointer']}: {broken['detail']}" for broken in found["breaking"]),
    ]
    for line in lines or ["Nothing differs."]:
        output.line(output.printable(line))


def deprecate(  # noqa: PLR0913  a mark, and how to answer
    slug: Slug,
    number: Number,
    *,
    message: Annotated[
        str | None,
        typer.Option("--message", metavar="TEXT", help="What callers are told, such as what else to use."),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Warn whoever runs a version; it goes on running."""
    marks = {"deprecated": not undo, **_said("deprecationMessage", message, undo=undo)}
    _mark(slug, number, marks, "no longer deprecated" if undo else "deprecated", org, as_json=as_json)


def yank(  # noqa: PLR0913  a mark, and how to answer
    slug: Slug,
    number: Number,
    *,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for people.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take it back; it is not made the active one again.")] = False,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Withdraw a version: it runs only when pinned, and if it was active, nothing is."""
    marks = {"yanked": not undo, **_said("yankReason", reason, undo=undo)}
    _mark(slug, number, marks, "no longer yanked" if undo else "yanked", org, as_json=as_json)


def _said(field: str, text: str | None, *, undo: bool) -> dict[str, str]:
    if undo and text is not None:
        raise output.Misused("There is nothing to say when a mark is taken back; leave --undo or the text out.")
    return {} if text is None else {field: text}


def _mark(  # noqa: PLR0913  which version, what, and how to answer
    slug: str, number: str, marks: dict[str, Any], said: str, org: str, *, as_json: bool
) -> None:
    async def mark(jinba: AsyncJinba) -> Version:
        return await jinba.versions.mark(slug, number, **marks)

    marked = reach.on_server(org, mark)
    if as_json:
        output.document(marked)
    else:
        output.line(f"{slug} {marked['version']} is {said}.")


def _state(version: Version) -> str:
    if version["yankedAt"] is not None:
        return "yanked"
    return "published" if version["deprecatedAt"] is None else "deprecated"
