"""`jinba-mcp toolsets`: what is published and which version is active."""

from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated

import typer

from jinba_mcp.app import App
from jinba_mcp.authoring.folder import find_folders, read_folder
from jinba_mcp.cli import answers, folders, local, output
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org, Slug, group
from jinba_mcp.core.core import Core
from jinba_mcp.core.toolsets import Source
from jinba_mcp.core.versions import Publication
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import FolderInvalid, JinbaError
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.toolsets import ToolSet
from jinba_mcp.domain.versions import Diff, Version
from jinba_mcp.faces.rest.schemas import diff_out, toolset_out, version_out

app = group("Push, publish, activate and compare ToolSets.")

Number = Annotated[str, typer.Argument(metavar="VERSION", help="The number of a published version.")]


@app.command("list")
def list_toolsets(*, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List the ToolSets of an organization."""

    async def gather(app: App) -> list[ToolSet]:
        await folders.load_if_none(app)
        caller = await app.core.organizations.operator(org)
        return await local.all_of(lambda request: app.core.toolsets.page(caller, org, request))

    found = local.with_app(gather)
    if as_json:
        answers.listing(toolset_out(toolset) for toolset in found)
        return
    output.table(
        ["TOOLSET", "ACTIVE", "LATEST", "VISIBILITY", "MCP", "NAME"],
        [
            (
                toolset.slug, toolset.published_version, toolset.latest_version,
                toolset.listing.visibility, toolset.listing.mcp_enabled, output.shortened(toolset.name),
            )
            for toolset in found
        ],
    )  # fmt: skip


@app.command()
def push(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A ToolSet folder, or a folder of them."),
    ],
    *,
    activate: Annotated[
        bool, typer.Option("--activate/--no-activate", help="Whether a new version becomes the active one.")
    ] = True,
    draft: Annotated[bool, typer.Option("--draft", help="Save as the draft only; publish nothing.")] = False,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Load ToolSets from disk; a changed one becomes a new version.

    The version is the next patch. What has not changed stays as it is.
    """

    async def push_all(core: Core, caller: Caller) -> list[JsonObject]:
        paths = find_folders(directory.absolute())
        if not paths:
            raise FolderInvalid(f"{directory} is no ToolSet folder (it has no toolset.yml), and holds none.")
        if draft:
            return [await _told(path, _save_draft(core, caller, org, path)) for path in paths]
        return [await _told(path, _push(core, caller, org, path, activate=activate)) for path in paths]

    outcomes = local.as_operator(org, push_all)
    if as_json:
        output.document({"data": outcomes, "nextCursor": None})
    for outcome in outcomes:
        if outcome["problem"] is not None:
            output.problem(f"{outcome['slug']} was not pushed: {outcome['problem']}")
        elif not as_json:
            output.line(_said(outcome))
    if any(outcome["problem"] is not None for outcome in outcomes):
        raise typer.Exit(1)


async def _told(path: Path, work: Awaitable[JsonObject]) -> JsonObject:
    try:
        return await work
    except JinbaError as error:
        return {**_outcome(path.name, "failed", None, None), "problem": local.explained(error)}


async def _push(core: Core, caller: Caller, org: str, path: Path, *, activate: bool) -> JsonObject:
    pushed = await core.folders.push(caller, org, path, activate=activate)
    state = "new" if pushed.is_new_version else "unchanged"
    return _outcome(pushed.toolset.slug, state, pushed.version.number, pushed.toolset.published_version)


async def _save_draft(core: Core, caller: Caller, org: str, path: Path) -> JsonObject:
    source = local.record(Source, read_folder(path).model_dump())
    toolset, _ = await core.toolsets.save_draft(caller, org, source)
    return _outcome(toolset.slug, "draft", None, toolset.published_version)


def _outcome(slug: str, state: str, version: str | None, active: str | None) -> JsonObject:
    return {"slug": slug, "state": state, "version": version, "publishedVersion": active, "problem": None}


def _said(outcome: JsonObject) -> str:
    if outcome["state"] == "draft":
        return f"{outcome['slug']}: draft saved"
    active = outcome["publishedVersion"]
    state = "active" if active == outcome["version"] else f"not active; {active or 'nothing'} is"
    return f"{outcome['slug']}: {outcome['state']}, {outcome['version']} ({state})"


@app.command()
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
    values = {"version": version, "release_notes": notes, "activate": activate or None}
    publication = local.record(Publication, dict(values), {"release_notes": "--notes"})

    async def freeze(core: Core, caller: Caller) -> Version:
        return await core.versions.publish(caller, org, slug, publication)

    made = local.as_operator(org, freeze)
    if as_json:
        answers.one(version_out(made))
    else:
        output.line(f"Published {slug} {made.number} ({made.digest}).")


@app.command()
def activate(slug: Slug, number: Number, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Make a version the active one, forward or back.

    The next call gets it.
    """

    async def move(core: Core, caller: Caller) -> ToolSet:
        return await core.versions.activate(caller, org, slug, number)

    toolset = local.as_operator(org, move)
    if as_json:
        answers.one(toolset_out(toolset))
    else:
        output.line(f"{toolset.slug} {toolset.published_version} is active.")


@app.command()
def versions(slug: Slug, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List the versions of a ToolSet, newest first."""

    async def gather(core: Core, caller: Caller) -> tuple[ToolSet, list[Version]]:
        toolset = await core.toolsets.get(caller, org, slug)
        return toolset, await local.all_of(lambda request: core.versions.page(caller, org, slug, request))

    toolset, found = local.as_operator(org, gather)
    if as_json:
        answers.listing(version_out(version) for version in found)
        return
    output.table(
        ["VERSION", "ACTIVE", "STATE", "PUBLISHED", "BY", "DIGEST", "NOTES"],
        [
            (
                version.number, version.id == toolset.published_version_id, _state(version),
                version.created_at, version.published_by, version.digest, output.shortened(version.release_notes),
            )
            for version in found
        ],
    )  # fmt: skip


@app.command()
def diff(
    slug: Slug,
    before: Annotated[str, typer.Argument(metavar="A", help="The version to start from.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The version to go to.")],
    *,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Show what changed from one version to another."""

    async def compare(core: Core, caller: Caller) -> Diff:
        return await core.versions.diff(caller, org, slug, before, after)

    found = local.as_operator(org, compare)
    if as_json:
        answers.one(diff_out(found))
        return
    changed = (f"{change['tool']} ({output.cell(tuple(_listed(change['fields'])))})" for change in found.changed)
    lines = [
        *(f"+ {tool}" for tool in found.added),
        *(f"- {tool}" for tool in found.removed),
        *(f"~ {tool}" for tool in changed),
        *(f"~ the ToolSet's {field}" for field in found.toolset_fields),
    ]
    for line in lines or ["Nothing differs."]:
        output.line(line)


def _listed(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _state(version: Version) -> str:
    if version.yanked_at is not None:
        return "yanked"
    return "published" if version.deprecated_at is None else "deprecated"
