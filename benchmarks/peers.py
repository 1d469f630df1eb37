"""Other servers to measure ours beside, each installed with pinned versions in an environment of its own."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import messages
import servers
from load import HOST, Request
from servers import CACHE, HERE, NotStarted, Server

_CONTEXTFORGE = {
    "JWT_SECRET_KEY": "a-key-that-guards-nothing-and-lives-for-minutes",
    "AUTH_ENCRYPTION_SECRET": "a-secret-that-guards-nothing-and-lives-for-minutes",
    "BASIC_AUTH_PASSWORD": "Nothing-to-guard-1",
    "PLATFORM_ADMIN_EMAIL": "admin@example.com",
    "PLATFORM_ADMIN_PASSWORD": "Nothing-to-guard-1",
    "DEFAULT_USER_PASSWORD": "Nothing-to-guard-1",
    "DATABASE_URL": "sqlite:///./mcp.db",
    "CACHE_TYPE": "memory",
    "LOG_LEVEL": "ERROR",
    "MCPGATEWAY_UI_ENABLED": "false",
    "MCPGATEWAY_ADMIN_API_ENABLED": "false",
    "RATE_LIMITING_ENABLED": "false",
    "TOOL_RATE_LIMIT": "1000000000",
    "SSRF_ALLOW_LOCALHOST": "true",
    "SSRF_ALLOW_PRIVATE_NETWORKS": "true",
}


@dataclass(frozen=True)
class Peer:
    """A server of others: what it does in a call, and how to have it running with the tool `add`."""

    name: str
    does: str
    running: Callable[[], AbstractContextManager[tuple[Server, Mapping[str, Request]]]]
    """The server, and the requests it takes by the name of the protocol."""


def environment(name: str) -> Path:
    """The folder of programs of an environment with the versions in peers/`name`.txt, made at the first use.

    Raises:
        NotStarted: it cannot be installed.
    """
    pinned, folder = HERE / "peers" / f"{name}.txt", CACHE / name
    ready = folder / ".ready"
    if not ready.exists() or ready.read_bytes() != pinned.read_bytes():
        print(f"installing {name} in {folder}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        try:
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=300)
            # With dependencies too they would be looked up again; they are all in the list.
            subprocess.run([*install, "--no-deps", "--requirement", str(pinned)], check=True, timeout=900)
        except (subprocess.SubprocessError, OSError) as error:
            raise NotStarted(f"it cannot be installed: {error}") from error
        ready.write_bytes(pinned.read_bytes())
    return folder / "bin"


@contextmanager
def _fastmcp() -> Iterator[tuple[Server, Mapping[str, Request]]]:
    port = servers.free_port()
    command = [str(environment("fastmcp") / "python"), str(HERE / "bare_fastmcp.py")]
    with servers.serving(command, {"PORT": str(port)}, port) as server:
        yield server, messages.of_mcp("/mcp")


@contextmanager
def _toolbox() -> Iterator[tuple[Server, Mapping[str, Request]]]:
    port = servers.free_port()
    # The program itself; the wheel's script stands before it as a process of its own.
    (program,) = environment("toolbox").parent.glob("lib/python3*/site-packages/toolbox_server/bin/toolbox")
    program.chmod(0o755)
    options = ["--config", str(HERE / "peers" / "toolbox.yaml"), "--port", str(port), "--log-level", "ERROR"]
    quiet = ["--disable-version-check", "--disable-reload"]
    with servers.serving([str(program), *options, *quiet], {}, port) as server:
        yield server, messages.of_mcp("/mcp")


@contextmanager
def _contextforge() -> Iterator[tuple[Server, Mapping[str, Request]]]:
    programs, port = environment("contextforge"), servers.free_port()
    command = [str(programs / "mcpgateway"), "--host", HOST, "--port", str(port), "--no-access-log"]
    with (
        tempfile.TemporaryDirectory(prefix="jinba-bench-") as folder,
        servers.bare("bare_starlette.py", core=servers.OF_LOAD) as upstream,
        servers.serving(command, _CONTEXTFORGE, port, folder=folder) as server,
    ):
        headers = {"Authorization": f"Bearer {_contextforge_token(programs, folder)}"}
        schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
        tool = {
            "name": "add",
            "description": "Adds two integers.",
            "url": f"http://{HOST}:{upstream.port}/add",
            "integration_type": "REST",
            "request_type": "POST",
            "input_schema": {**schema, "required": ["a", "b"]},
            "visibility": "public",
        }
        _post(f"http://{HOST}:{port}/tools", headers, {"tool": tool})
        yield server, {messages.KINDS[0]: messages.legacy("/mcp", headers)}


def _contextforge_token(programs: Path, folder: str) -> str:
    command = [str(programs / "python"), "-m", "mcpgateway.utils.create_jwt_token", "--admin", "--exp", "600"]
    given = ["--username", _CONTEXTFORGE["PLATFORM_ADMIN_EMAIL"], "--secret", _CONTEXTFORGE["JWT_SECRET_KEY"]]
    done = subprocess.run(
        [*command, *given], env=_CONTEXTFORGE, cwd=folder, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.split()[-1]


def _post(url: str, headers: Mapping[str, str], body: object) -> None:
    """POST, as soon as the server can."""
    request = urllib.request.Request(  # noqa: S310  http, on loopback
        url, json.dumps(body).encode(), {**headers, "Content-Type": "application/json"}
    )
    until = time.monotonic() + servers.BOOT_TIMEOUT_S
    while True:
        try:
            urllib.request.urlopen(request, timeout=30).close()  # noqa: S310  http, on loopback
        except urllib.error.HTTPError as error:
            if time.monotonic() > until:
                raise NotStarted(error.read().decode(errors="replace")) from error
            time.sleep(1)
        else:
            return


PEERS = (
    Peer("FastMCP", "no keys, no records; its own validation of arguments", _fastmcp),
    Peer("MCP Toolbox", "a Go program; `SELECT ? + ?` on SQLite in memory; no keys, no records", _toolbox),
    Peer(
        "ContextForge",
        "a token; passes the call on to bare Starlette, which is on the load generator's core; counts calls in SQLite",
        _contextforge,
    ),
)
