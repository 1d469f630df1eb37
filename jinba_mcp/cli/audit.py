"""`jinba-mcp audit`: who changed what, and whether the log of it is whole."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypedDict

import typer

from jinba_mcp.cli import answers, local, output, reach
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, OnMachine, Org, group, instant
from jinba_mcp.client import AsyncJinba
from jinba_mcp.client.calls import Page
from jinba_mcp.client.documents import AuditEntry
from jinba_mcp.clock import system_clock
from jinba_mcp.domain import pages
from jinba_mcp.domain.audit import AuditFilter, ChainReport
from jinba_mcp.domain.caller import operator
from jinba_mcp.domain.pages import MAX_LIMIT, PageRequest

if TYPE_CHECKING:
    from jinba_mcp.app import App

app = group("Read, export and verify the log of who changed what.", reaches=True)

Action: TypeAlias = Annotated[
    str | None, typer.Option("--action", metavar="ACTION", help="Only these, such as key.revoked.")
]
Actor: TypeAlias = Annotated[
    str | None, typer.Option("--actor", metavar="ID", help="Only by this user or key, or by operator or system.")
]
Target: TypeAlias = Annotated[
    str | None, typer.Option("--target", metavar="NAME", help="Only about what has this id or slug.")
]
Since: TypeAlias = Annotated[
    str | None, typer.Option("--since", metavar="WHEN", help="From this time on, or so long ago, such as 1h.")
]
Until: TypeAlias = Annotated[
    str | None, typer.Option("--until", metavar="WHEN", help="Before this time, or so long ago, such as 1h.")
]
OfInstallation: TypeAlias = Annotated[
    bool, typer.Option("--installation", help="What is no organization's, such as users, in place of --org.")
]


class Filter(TypedDict):
    """Which entries to look at."""

    action: str | None
    actor: str | None
    target: str | None
    since: datetime | None
    until: datetime | None


@app.command("list")
def list_entries(  # noqa: PLR0913  each filter is an option
    *,
    action: Action = None,
    actor: Actor = None,
    target: Target = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MAX_LIMIT, help="At most so many.")] = 50,
    cursor: Annotated[
        str | None,
        typer.Option("--cursor", metavar="CURSOR", help="Go on from here: the nextCursor of the list before."),
    ] = None,
    installation: OfInstallation = False,
    org: Org = DEFAULT_ORGANIZATION,
    as_json: AsJson = False,
) -> None:
    """List what was changed, newest first."""
    wanted = _filter(action, actor, target, since, until)

    async def look(jinba: AsyncJinba) -> Page[AuditEntry]:
        return await jinba.audit.page(**wanted, cursor=cursor, limit=limit)

    if installation:
        reach.require_local("--installation")
        page = local.with_app(lambda app: _of_installation(app, wanted, cursor, limit))
    else:
        page = reach.on_server(org, look)
    following = page["nextCursor"]
    if as_json:
        answers.listed(page["data"], following)
        return
    rows = [
        (
            answers.instant(entry["createdAt"]),
            entry["action"],
            entry["target"],
            entry["keyName"] or entry["userId"] or entry["actor"],
            entry["address"],
        )
        for entry in page["data"]
    ]
    output.table(["WHEN", "ACTION", "TARGET", "BY", "FROM"], rows)
    if following is not None:
        output.note(f"There are more: --cursor {following}")


@app.command()
def export(  # noqa: PLR0913  each filter is an option
    *,
    action: Action = None,
    actor: Actor = None,
    target: Target = None,
    since: Since = None,
    until: Until = None,
    installation: OfInstallation = False,
    org: Org = DEFAULT_ORGANIZATION,
) -> None:
    """Print every entry as JSON, one to a line, newest first."""
    wanted = _filter(action, actor, target, since, until)

    async def write(jinba: AsyncJinba) -> None:
        async for entry in jinba.audit.list(**wanted, limit=MAX_LIMIT):
            output.record(entry)

    async def write_of_installation(app: "App") -> None:
        page = await _of_installation(app, wanted, None, MAX_LIMIT)
        while True:
            for entry in page["data"]:
                output.record(entry)
            if page["nextCursor"] is None:
                return
            page = await _of_installation(app, wanted, page["nextCursor"], MAX_LIMIT)

    if installation:
        reach.require_local("--installation")
        local.with_app(write_of_installation)
    else:
        reach.on_server(org, write)


@app.command(cls=OnMachine)
def verify(*, as_json: AsJson = False) -> None:
    """Look through the whole log for entries that were changed, removed or put in; exit code 1 if there are any.

    Whoever can write to the database can write the end of a log anew, with its head. Keep the heads that this prints
    somewhere else, and compare: a head that is not found again at its number was written over.
    """

    async def look(app: "App") -> list[ChainReport]:
        return [report async for report in app.core.audit.verify(operator())]

    reports = local.with_app(look)
    if as_json:
        output.document({"data": [_told(report) for report in reports], "nextCursor": None})
    else:
        rows = [
            (
                report.organization_id or "installation",
                report.entry_count,
                report.head.sequence,
                report.head.digest,
                report.is_intact,
            )
            for report in reports
        ]
        output.table(["CHAIN", "ENTRIES", "HEAD", "DIGEST", "INTACT"], rows)
    broken = [report for report in reports if not report.is_intact]
    for report in broken:
        for fault in report.faults:
            output.note(f"{report.organization_id or 'installation'}, entry {fault.sequence}: {fault.detail}.")
    if broken:
        raise output.Failed(f"The audit log was tampered with, in {len(broken)} of {len(reports)} chains.")


def _told(report: ChainReport) -> dict[str, object]:
    return {
        "organizationId": report.organization_id,
        "entryCount": report.entry_count,
        "head": report.head.model_dump(),
        "isIntact": report.is_intact,
        "faults": [fault.model_dump() for fault in report.faults],
    }


def _filter(action: str | None, actor: str | None, target: str | None, since: str | None, until: str | None) -> Filter:
    now = system_clock()
    return {
        "action": action,
        "actor": actor,
        "target": target,
        "since": None if since is None else instant("--since", since, now, is_past=True),
        "until": None if until is None else instant("--until", until, now, is_past=True),
    }


async def _of_installation(app: "App", wanted: Filter, cursor: str | None, limit: int) -> Page[AuditEntry]:
    """A page of what is no organization's, which is for whoever holds the machine."""
    from jinba_mcp.faces.rest.audit_schemas import AuditPage, audit_entry_out  # noqa: PLC0415  as in `local.with_app`
    from jinba_mcp.faces.rest.wire import page_out  # noqa: PLC0415  as above

    after = None if cursor is None else pages.decode_cursor(cursor)
    request = PageRequest(limit=limit, after=after)
    found = await app.core.audit.page_of_installation(operator(), AuditFilter(**wanted), request)
    told: Page[AuditEntry] = answers.told(page_out(AuditPage, found, audit_entry_out))
    return told
