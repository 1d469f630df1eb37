"""`jinba-mcp toolsets`: what there is, and the verbs of the files beside this one."""

import sys
from typing import Annotated

import typer

from jinba_mcp.cli import (
    answers,
    calling,
    output,
    reach,
    toolset_dev,
    toolset_init,
    toolset_pull,
    toolset_push,
    toolset_versions,
)
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, OnMachine, Org, Slug, group
from jinba_mcp.client import AsyncJinba, Conflict
from jinba_mcp.client.documents import RunResult, ToolSet, ToolSetDetail
from jinba_mcp.domain.errors import DeletionUnconfirmed

app = group("Write, push, publish, test and compare ToolSets.", reaches=True)

app.command("init", cls=OnMachine)(toolset_init.init)
app.command("dev", cls=OnMachine)(toolset_dev.dev)


@app.command("list")
def list_toolsets(*, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List the ToolSets of an organization."""

    async def gather(jinba: AsyncJinba) -> list[ToolSet]:
        return [each async for each in jinba.toolsets.list(limit=200)]

    found = reach.on_server(org, gather, loads_folders=True)
    if as_json:
        answers.listed(found)
        return
    output.table(
        ["TOOLSET", "ACTIVE", "LATEST", "VISIBILITY", "MCP", "NAME"],
        [
            (
                each["slug"], each["publishedVersion"], each["latestVersion"],
                each["visibility"], each["mcpEnabled"], output.shortened(each["name"]),
            )
            for each in found
        ],
    )  # fmt: skip


@app.command()
def show(slug: Slug, *, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Show a ToolSet: its settings and the tools of its draft."""

    async def look(jinba: AsyncJinba) -> ToolSetDetail:
        return await jinba.toolsets.get(slug)

    found = reach.on_server(org, look)
    if as_json:
        output.document(found)
        return
    output.fields(
        {
            "ToolSet": found["slug"],
            "Name": found["name"],
            "Description": found["description"],
            "Language": found["language"],
            "Active": found["publishedVersion"] or "none",
            "Latest": found["latestVersion"],
            "Visibility": found["visibility"],
            "Shared with": tuple(found["sharedWith"]),
            "MCP": found["mcpEnabled"],
            "Tags": tuple(found["tags"]),
            "Packages": tuple(package["name"] for package in found["packages"]),
            "Changed": answers.instant(found["updatedAt"]),
        }
    )
    output.heading("Tools of the draft:")
    rows = [(tool["slug"], tool["name"], output.shortened(tool["description"])) for tool in found["tools"]]
    output.table(["TOOL", "NAME", "DESCRIPTION"], rows)


app.command("push")(toolset_push.push)
app.command("pull")(toolset_pull.pull)
app.command("lock", cls=OnMachine)(toolset_push.lock)


@app.command("test")
def run_draft(  # noqa: PLR0913  the ways of giving input
    slug: Slug,
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="The slug of a tool of the draft.")],
    pairs: calling.Pairs = None,
    *,
    text: calling.Text = None,
    file: calling.File = None,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Run a tool of the draft, before it is published."""
    given = calling.Given(pairs, text, file)

    async def call(jinba: AsyncJinba) -> RunResult:
        schema = {} if given.is_whole else calling.schema_in((await jinba.toolsets.get(slug))["tools"], tool)
        return await jinba.runs.test(slug, tool, given.by(schema))

    calling.answer(reach.on_server(org, call, timeout_s=calling.TIMEOUT_S, runs_tools=True), as_json=as_json)


app.command("publish")(toolset_versions.publish)
app.command("activate")(toolset_versions.activate)
app.command("versions")(toolset_versions.versions)
app.command("diff")(toolset_versions.diff)
app.command("deprecate")(toolset_versions.deprecate)
app.command("yank")(toolset_versions.yank)
app.command("import")(toolset_push.load)
app.command("export")(toolset_pull.export)


@app.command()
def delete(
    slug: Slug,
    *,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="SLUG", help="Its slug once more, instead of being asked.")
    ] = None,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """Delete a ToolSet for good, with its versions and variables; its runs stay."""

    async def end(jinba: AsyncJinba) -> None:
        try:
            await jinba.toolsets.delete(slug, confirm=confirm)
        except Conflict as error:
            # Whoever sits at a terminal reads what would go, and says yes to that.
            if error.code != DeletionUnconfirmed.code or confirm is not None or not sys.stdin.isatty():
                raise
            if not output.confirms(f"{error}\nDelete {slug} for good?"):
                raise output.Failed("Nothing was deleted.") from error
            await jinba.toolsets.delete(slug, confirm=slug)

    reach.on_server(org, end)
    if as_json:
        output.document({"slug": slug, "deleted": True})
    else:
        output.line(f"Deleted {slug}.")
