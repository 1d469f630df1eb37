"""`jinba-mcp toolsets` from the disk to a registry: push, lock, import."""

import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from jinba_mcp.authoring.archives import MAX_TOTAL_BYTES, write_archive
from jinba_mcp.authoring.folder import find_folders, read_folder
from jinba_mcp.cli import local, output, progress, reach
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, Org
from jinba_mcp.cli.toolset_versions import SLOW_S
from jinba_mcp.client import AsyncJinba, Conflict, Refused
from jinba_mcp.client.documents import ToolSetDetail
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import FolderInvalid, JinbaError, VersionUnchanged
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.sources import Source

if TYPE_CHECKING:
    from jinba_mcp.core.core import Core

Directory = Annotated[
    Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A ToolSet folder, or a folder of them.")
]


def push(
    directory: Directory,
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
    paths = _folders(directory)

    async def push_here(core: "Core", caller: Caller, report: Reporter) -> list[JsonObject]:
        if draft:
            return [await _told(path, _draft_here(core, caller, org, path, report)) for path in paths]
        return [await _told(path, _push_here(core, caller, org, path, report, activate=activate)) for path in paths]

    async def push_there(jinba: AsyncJinba, report: Reporter) -> list[JsonObject]:
        sent = []
        for done, path in enumerate(paths):
            report(done, len(paths), None if len(paths) == 1 else f"Pushing {path.name}")
            work = _draft_there(jinba, path) if draft else _push_there(jinba, path, activate=activate)
            sent.append(await _told(path, work))
        return sent

    with progress.telling(f"Pushing {directory}") as report:
        if reach.server() is None:
            # The operator's folder is trusted like the operator, and its packages are told of as they come.
            outcomes = local.as_operator(org, lambda core, caller: push_here(core, caller, report))
        else:
            outcomes = reach.on_server(org, lambda jinba: push_there(jinba, report), timeout_s=SLOW_S)
    _say(outcomes, as_json=as_json)


def _folders(directory: Path) -> list[Path]:
    try:
        paths = find_folders(directory.absolute())
    except FolderInvalid as error:
        raise output.Failed(local.explained(error)) from error
    if not paths:
        raise output.Failed(f"{directory} is no ToolSet folder (it has no toolset.yml), and holds none.")
    return paths


async def _told(path: Path, work: Awaitable[JsonObject]) -> JsonObject:
    try:
        return await work
    except JinbaError as error:
        problem = local.explained(error)
    except Refused as error:
        problem = reach.explained(error)
    return {**_outcome(path.name, "failed", None, None), "problem": problem}


async def _push_here(  # noqa: PLR0913  who, what, where to, and how
    core: "Core", caller: Caller, org: str, path: Path, report: Reporter, *, activate: bool
) -> JsonObject:
    pushed = await core.folders.push(caller, org, path, activate=activate, report=report)
    state = "new" if pushed.is_new_version else "unchanged"
    return _outcome(pushed.toolset.slug, state, pushed.version.number, pushed.toolset.published_version)


async def _draft_here(core: "Core", caller: Caller, org: str, path: Path, report: Reporter) -> JsonObject:
    toolset, _ = await core.drafts.save(caller, org, _source(path), report)
    return _outcome(toolset.slug, "draft", None, toolset.published_version)


async def _push_there(jinba: AsyncJinba, path: Path, *, activate: bool) -> JsonObject:
    """What `Versions.push` does, by REST."""
    saved = await _load(jinba, path)
    slug, state = saved["slug"], "new"
    try:
        number = (await jinba.versions.publish(slug, activate=activate))["version"]
    except Conflict as error:
        if error.code != VersionUnchanged.code:
            raise
        number, state = saved["latestVersion"] or "", "unchanged"
        if activate and saved["publishedVersion"] is None:
            await jinba.toolsets.activate(slug, number)
    return _outcome(slug, state, number, (await jinba.toolsets.get(slug))["publishedVersion"])


async def _draft_there(jinba: AsyncJinba, path: Path) -> JsonObject:
    saved = await _load(jinba, path)
    return _outcome(saved["slug"], "draft", None, saved["publishedVersion"])


async def _load(jinba: AsyncJinba, path: Path) -> ToolSetDetail:
    archive = await anyio.to_thread.run_sync(lambda: write_archive(_source(path)))
    return await jinba.toolsets.load(archive)


def _source(path: Path) -> Source:
    return local.record(Source, read_folder(path).model_dump())


def _outcome(slug: str, state: str, version: str | None, active: str | None) -> JsonObject:
    return {"slug": slug, "state": state, "version": version, "publishedVersion": active, "problem": None}


def _say(outcomes: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        output.document({"data": outcomes, "nextCursor": None})
    for outcome in outcomes:
        if outcome["problem"] is not None:
            output.problem(f"{outcome['slug']} was not pushed: {outcome['problem']}")
        elif not as_json:
            output.line(_said(outcome))
    if any(outcome["problem"] is not None for outcome in outcomes):
        raise typer.Exit(1)


def _said(outcome: JsonObject) -> str:
    if outcome["state"] == "draft":
        return f"{outcome['slug']}: draft saved"
    active = outcome["publishedVersion"]
    state = "active" if active == outcome["version"] else f"not active; {active or 'nothing'} is"
    return f"{outcome['slug']}: {outcome['state']}, {outcome['version']} ({state})"


def lock(directory: Directory, *, as_json: AsJson = False) -> None:
    """Resolve packages anew and write toolset.lock, so that everyone who loads the folder gets the same."""

    async def lock_all(core: "Core", caller: Caller) -> list[JsonObject]:
        with progress.telling(f"Locking {directory}") as report:
            return [
                {"slug": path.name, "locked": await core.folders.lock(caller, path, report) is not None}
                for path in find_folders(directory.absolute())
            ]

    outcomes = local.as_operator(DEFAULT_ORGANIZATION, lock_all)
    if as_json:
        output.document({"data": outcomes, "nextCursor": None})
        return
    for outcome in outcomes:
        output.line(f"{outcome['slug']}: {'locked' if outcome['locked'] else 'has no packages to lock'}")


def load(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The ZIP file of a ToolSet's folder; - reads standard input.")
    ],
    *,
    name: Annotated[
        str | None, typer.Option("--as", metavar="SLUG", help="Under this slug, and not that of the folder in it.")
    ] = None,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Make a ZIP file the draft of its ToolSet, which is made if it is new; publishing is separate."""
    archive = _read(file)

    async def bring(jinba: AsyncJinba) -> ToolSetDetail:
        return await jinba.toolsets.load(archive, slug=name)

    with progress.telling(f"Importing {file}"):
        saved = reach.on_server(org, bring, timeout_s=SLOW_S)
    if as_json:
        output.document(saved)
    else:
        output.line(f"{saved['slug']}: draft saved, with {len(saved['tools'])} tools")
        output.note(f"Publish it with: jinba-mcp toolsets publish {saved['slug']}")


def _read(file: Path) -> bytes:
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(MAX_TOTAL_BYTES + 1)
        with file.open("rb") as opened:
            return opened.read(MAX_TOTAL_BYTES + 1)
    except OSError as error:
        raise output.Failed(f"{file} cannot be read: {error.strerror}.") from error
