"""A real `jinba-mcp serve` in a process of its own, with a data directory of its own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

BOOT_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60
COMMAND_TIMEOUT_S = 120
COMMAND = str(Path(sys.executable).with_name("jinba-mcp"))


class Registry:
    """A data directory that `jinba-mcp` commands share, and the address where it is served, once it is."""

    def __init__(self, data_dir: Path, toolsets: Path, extra: Mapping[str, str]) -> None:
        own = {"JINBA_DATA_DIR": str(data_dir), "JINBA_TOOLSETS_DIRS": str(toolsets)}
        # Whoever runs the tests may be logged in to a server of theirs.
        own["XDG_CONFIG_HOME"] = str(data_dir / "config")
        theirs = {name: value for name, value in os.environ.items() if not name.startswith("JINBA_")}
        self.environment = {**theirs, **own, **extra}
        self.url = ""

    def run(self, *arguments: str) -> Any:
        """What a command with `--json` answers."""
        done = subprocess.run(
            [COMMAND, *arguments, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"jinba-mcp {' '.join(arguments)} failed with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def issue_key(self, *scopes: str) -> str:
        """The secret of a new key."""
        wanted = [argument for scope in scopes for argument in ("--scope", scope)]
        secret: str = self.run("keys", "create", "--name", "test", *wanted)["key"]
        return secret

    def ask(self, key: str, path: str, *, method: str = "GET", body: Any = None) -> Any:
        """What REST answers, below /v1."""
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx2.request(method, f"{self.url}/v1{path}", json=body, headers=headers, timeout=COMMAND_TIMEOUT_S)
        return answer.raise_for_status().json()

    def organization(self, key: str) -> str:
        """The slug of the key's organization."""
        slug: str = self.ask(key, "/me")["organization"]["slug"]
        return slug


@contextmanager
def served(data_dir: Path, toolsets: Path, **extra: str) -> Iterator[Registry]:
    """Serve the folders below `toolsets` on a free port; `extra` goes into the server's environment.

    Raises:
        RuntimeError: the server was not ready in time; holds what it logged.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    registry = Registry(data_dir, toolsets, extra)
    log = data_dir / "server.log"
    with log.open("wb") as errors:
        server = subprocess.Popen(
            [COMMAND, "serve", "--port", "0", "--json"],
            env=registry.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    try:
        ready = _first_line(server)
        if not ready:
            raise RuntimeError(f"jinba-mcp serve was not ready in {BOOT_TIMEOUT_S} s:\n{log.read_text()}")
        registry.url = json.loads(ready)["url"]
        yield registry
    finally:
        _stop(server)


def _first_line(server: subprocess.Popen[bytes]) -> bytes:
    """The line that says that the server is ready; empty if it does not come in time."""
    assert server.stdout is not None
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda stdout: lines.append(stdout.readline()), args=(server.stdout,), daemon=True)
    reader.start()
    reader.join(BOOT_TIMEOUT_S)
    return lines[0] if lines else b""


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(STOP_TIMEOUT_S)
    if server.stdout is not None:
        server.stdout.close()
