"""`jinba-mcp doctor`: what works here, what does not, and what to do about it."""

import platform
import shutil
import socket
import stat
import sys
from dataclasses import dataclass
from enum import StrEnum

import anyio
import typer

from jinba_mcp import __version__, logs
from jinba_mcp.app import App, opened, toolsets_roots
from jinba_mcp.cli import addresses, local, output
from jinba_mcp.cli.options import AsJson, single
from jinba_mcp.core.health import SandboxReport
from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.domain.isolation import Level
from jinba_mcp.domain.sandboxes import INPROCESS
from jinba_mcp.settings import Settings

app = single()

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_OLDEST_PYTHON = (3, 11)


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `advice` says what to do when not all is well."""

    state: State
    subject: str
    detail: str
    advice: str = ""


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Check this installation and say what to do."""
    settings = local.read_settings()
    logs.configure("error", settings.log_format)
    findings = [
        Finding(State.OK, "version", f"jinba-mcp {__version__}"),
        python(sys.version_info[:2]),
        data_dir(settings),
        *local.run(lambda: _database(settings)),
        *folders(settings),
        port(settings),
        public_url(settings),
        node(),
    ]
    if as_json:
        output.document({"ok": not _any_failed(findings), "checks": [_wire(finding) for finding in findings]})
    else:
        for finding in findings:
            advice = f" {finding.advice}" if finding.advice else ""
            output.line(f"{finding.state.value:<4}  {finding.subject:<10}  {finding.detail}{advice}")
    if _any_failed(findings):
        raise typer.Exit(1)


def python(version: tuple[int, ...]) -> Finding:
    """Whether this Python is new enough."""
    detail = f"Python {platform.python_version()} at {sys.executable}."
    if version < _OLDEST_PYTHON:
        return Finding(State.FAIL, "python", detail, "Install Python 3.11 or newer.")
    return Finding(State.OK, "python", detail)


def data_dir(settings: Settings) -> Finding:
    """Whether the data directory keeps what is in it from others."""
    path = settings.data_dir.expanduser().absolute()
    if settings.database_url is not None:
        return Finding(State.OK, "data", "The data is in the database of JINBA_DATABASE_URL.")
    if not path.exists():
        return Finding(State.OK, "data", f"{path} is not there yet; the first command makes it.")
    if not path.is_dir():
        return Finding(State.FAIL, "data", f"{path} is no directory.", "Set JINBA_DATA_DIR to one.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding(State.WARN, "data", f"{path} is open to others (mode {mode:o}).", f"Run: chmod 700 '{path}'")
    return Finding(State.OK, "data", f"{path} (mode {mode:o}).")


async def _database(settings: Settings) -> list[Finding]:
    try:
        with anyio.fail_after(60):
            async with opened(settings) as app:
                return await _examined(app)
    except JinbaError as error:
        return [Finding(State.FAIL, "database", error.message)]
    except TimeoutError:
        return [Finding(State.FAIL, "database", "No answer within a minute.", "Look at the load of the database.")]


async def _examined(app: App) -> list[Finding]:
    readiness = await app.core.health.readiness()
    engines = [sandbox(report) for report in readiness.sandboxes]
    if readiness.schema_revision is None and readiness.problem is not None:
        return [Finding(State.OK, "database", "Reachable, and empty; the first command sets it up."), *engines]
    problems = await app.store.check()
    if not problems:
        return [Finding(State.OK, "database", f"Healthy, at revision {readiness.schema_revision}."), *engines]
    return [*(Finding(State.FAIL, "database", problem) for problem in problems), *engines]


def sandbox(report: SandboxReport) -> Finding:
    """What an engine walls code in with, and what that does not stop."""
    name, walls = report.name, report.isolation
    if report.problem is not None:
        return Finding(State.FAIL, "sandbox", f"{name}: {_sentence(report.problem)}")
    if walls.provider == INPROCESS:
        return Finding(State.OK, "sandbox", f"{name}: no walls; for the operator's own folders that ask for it.")
    detail = f"{name}: {walls.tier}, isolation {walls.level.value}."
    if walls.level is Level.NONE:
        return Finding(State.WARN, "sandbox", detail, "Code may do all that the server may; unset JINBA_SANDBOX.")
    if walls.weaker:
        return Finding(State.WARN, "sandbox", f"{detail} Not stopped: {', '.join(walls.weaker)}.", "See the README.")
    return Finding(State.OK, "sandbox", detail)


def folders(settings: Settings) -> list[Finding]:
    """Whether the folders of ToolSets are there."""
    findings = []
    for root in toolsets_roots(settings):
        if root.is_dir():
            findings.append(Finding(State.OK, "toolsets", f"{root} is loaded when the server starts."))
        else:
            advice = "Set JINBA_TOOLSETS_DIRS to a folder that exists."
            findings.append(Finding(State.FAIL, "toolsets", f"{root} is no directory.", advice))
    return findings or [Finding(State.OK, "toolsets", "No folder is loaded (JINBA_LOAD_TOOLSETS is off).")]


def port(settings: Settings) -> Finding:
    """Whether a server could listen."""
    where = f"{settings.host} port {settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        advice = "That is fine if it is this server that runs; else set JINBA_PORT or JINBA_HOST."
        return Finding(State.WARN, "port", f"{where} cannot be listened on: {error.strerror or error}.", advice)
    return Finding(State.OK, "port", f"{where} is free.")


def public_url(settings: Settings) -> Finding:
    """Whether clients are told a URL that leads here, and are let in by it."""
    if settings.public_url is None and settings.host not in _LOOPBACK:
        detail = f"Clients elsewhere cannot use {addresses.base_url(settings)}, which they are told."
        advice = "Set JINBA_PUBLIC_URL to the URL that leads here (or JINBA_ALLOWED_HOSTS to its names)."
        return Finding(State.WARN, "url", detail, advice)
    return Finding(State.OK, "url", f"Clients use {addresses.base_url(settings)}.")


def node() -> Finding:
    """Whether the npm bridge could be started on this machine."""
    found = shutil.which("npx")
    if found is None:
        advice = "Only 'mcp-json --remote' needs it; 'jinba-mcp connect' does the same without."
        return Finding(State.WARN, "node", "npx is not on the PATH.", advice)
    return Finding(State.OK, "node", f"npx at {found}, for mcp-remote.")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


def _any_failed(findings: list[Finding]) -> bool:
    return any(finding.state is State.FAIL for finding in findings)


def _wire(finding: Finding) -> dict[str, str]:
    return {
        "state": finding.state.value,
        "subject": finding.subject,
        "detail": finding.detail,
        "advice": finding.advice,
    }
