"""What commands import, where most of the time of a short one goes: no clock, only the names of what is loaded."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import write_tool

SERVER = {
    "alembic", "cryptography", "jinba_mcp.app", "jinba_mcp.at_hand", "jinba_mcp.core", "jinba_mcp.engines",
    "jinba_mcp.serving", "jinba_mcp.storage", "mcp", "mcp_types", "prometheus_client", "sqlalchemy", "sqlmodel",
    "starlette.applications", "uvicorn",
}  # fmt: skip
"""What only makes sense where the registry is."""
FOR_FEW = {"aiosmtplib", "alembic", "httpcore2", "jinba_mcp.sandbox.packages.resolving", "passlib", "redis"}
"""What a boot of a database that is up to date has no use for."""
PROBE = """
import sys
from jinba_mcp.cli import _run
code = _run(sys.argv[2:])
print("loaded:", *sorted(set(sys.argv[1].split(",")) & sys.modules.keys()))
sys.exit(code)
"""


def loaded(watched: set[str], *command: str, **environment: str) -> tuple[int, list[str]]:
    """How a command ends in a process of its own, and which of these modules it had imported by then."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, ",".join(watched), *command],
        env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.rpartition("loaded:")[2].split()


class _Nothing(BaseHTTPRequestHandler):
    """A server where nothing is to be found."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_error(404)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
        pass


@pytest.fixture
def elsewhere(empty_data_dir: Path, profiles_file: Path) -> Iterator[dict[str, str]]:
    """The environment of a machine whose commands work on a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Nothing) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield {"JINBA_URL": f"http://127.0.0.1:{server.server_port}", "JINBA_API_KEY": "jtb_none"}
        server.shutdown()
        serving.join()


@pytest.mark.parametrize("command", [["--help"], ["--version"]])
def test_what_needs_no_registry_loads_nothing_at_all(command: list[str]) -> None:
    assert loaded(SERVER | {"anyio", "pydantic", "rich"}, *command) == (0, [])


@pytest.mark.parametrize(
    "command",
    [
        "orgs list",
        "keys list",
        "keys revoke key_1",
        "env set sums KEY --value x",
        "members invite a@example.com",
        "webhooks list",
        "credits transactions",
        "audit list",
        "runs list --status failed",
        "tools list",
        "tools run sums/add a=1",
        "toolsets list",
        "toolsets show sums",
        "toolsets push {folder}",
    ],
)
def test_a_command_on_a_server_loads_the_client_and_nothing_of_a_server(
    elsewhere: dict[str, str], tmp_path: Path, command: str
) -> None:
    folder = str(write_tool(tmp_path / "toolsets"))
    words = command.format(folder=folder).split()
    assert loaded(SERVER | {"httpx2"}, *words, **elsewhere) == (1, ["httpx2"])


@pytest.mark.parametrize("command", ["users list", "db check", "doctor"])
def test_a_command_on_the_machine_loads_no_face_and_nothing_for_few(data_dir: Path, command: str) -> None:
    watched = FOR_FEW | {"mcp", "mcp_types", "starlette.applications", "uvicorn"}
    assert loaded(watched, *command.split()) == (0, [])


def test_a_command_by_rest_in_process_loads_no_web_server(data_dir: Path) -> None:
    assert loaded(FOR_FEW | {"jinba_mcp.engines", "jinba_mcp.serving", "mcp", "uvicorn"}, "orgs", "list") == (0, [])
