"""Calls per second of one server process beside the SDK's bare low-level server, in one run: `make bench`.

Server and load generator each have a core where there are two. Ours runs with all checks and records, the bare server
has none. Read the ratios, not the rates: machines differ and are shared.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import load
from load import Request, Result

HERE = Path(__file__).parent
ARGUMENTS = {"a": 2, "b": 3}
SUM = {"sum": 5}
ACCEPT = {"Accept": "application/json, text/event-stream"}
CONNECTIONS = (1, 16, 64)


def legacy(path: str, tool: str, headers: dict[str, str]) -> Request:
    """`tools/call` as the handshake era sends it, without a handshake, which a stateless server does not need."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": ARGUMENTS}}
    return Request(path, ACCEPT | headers | {"MCP-Protocol-Version": "2025-11-25"}, body, _is_right_mcp)


def modern(path: str, tool: str, headers: dict[str, str]) -> Request:
    """`tools/call` of 2026-07-28."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    }
    params = {"name": tool, "arguments": ARGUMENTS, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    era = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool}
    return Request(path, ACCEPT | headers | era, body, _is_right_mcp)


def rest(path: str, headers: dict[str, str]) -> Request:
    """A run over REST."""
    return Request(path, headers, ARGUMENTS, lambda answer: bool(answer["output"] == SUM))


def _is_right_mcp(answer: dict[str, Any]) -> bool:
    return bool(answer["result"]["structuredContent"] == SUM)


def main() -> None:
    """Measure, print a table, optionally write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each row is measured")
    parser.add_argument("--postgres", help="also measure on this PostgreSQL database, which must be empty")
    options = parser.parse_args()
    _pin(os.getpid(), 1)
    rows: list[tuple[str, int, Result]] = []
    with _bare() as port:
        for connections in CONNECTIONS:
            rows.append(
                (
                    "bare SDK, handshake era",
                    connections,
                    _measure(port, legacy("/mcp", "add", {}), connections, options.seconds),
                )
            )
            rows.append(
                (
                    "bare SDK, 2026-07-28",
                    connections,
                    _measure(port, modern("/mcp", "add", {}), connections, options.seconds),
                )
            )
    databases = {"SQLite": ""} | ({"PostgreSQL": options.postgres} if options.postgres else {})
    for name, url in databases.items():
        rows += _ours(name, url, options.seconds)
    _print(rows)


def _ours(database: str, url: str, seconds: float) -> list[tuple[str, int, Result]]:
    rows = []
    toolset = "/v1/orgs/default/toolsets/bench-tools"
    with _jinba(url) as (port, key):
        headers = {"Authorization": f"Bearer {key}"}
        kinds = {
            "handshake era": legacy(f"{toolset}/mcp", "add", headers),
            "2026-07-28": modern(f"{toolset}/mcp", "add", headers),
            "REST": rest(f"{toolset}/tools/add/run", headers),
        }
        for connections in CONNECTIONS:
            for kind, request in kinds.items():
                result = _measure(port, request, connections, seconds)
                rows.append((f"jinba on {database}, {kind}", connections, result))
    return rows


def _measure(port: int, request: Request, connections: int, seconds: float) -> Result:
    asyncio.run(load.run(port, request, connections=connections, seconds=min(1.0, seconds)))
    return asyncio.run(load.run(port, request, connections=connections, seconds=seconds))


@contextmanager
def _bare() -> Iterator[int]:
    port = _free_port()
    with _process([sys.executable, str(HERE / "bare_sdk.py")], {"PORT": str(port)}):
        _wait_for(port)
        yield port


@contextmanager
def _jinba(database_url: str) -> Iterator[tuple[int, str]]:
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "JINBA_DATA_DIR": folder,
            "JINBA_PORT": str(port),
            "JINBA_TOOLSETS_DIRS": str(HERE / "toolsets"),
            "JINBA_LOG_LEVEL": "warning",
        } | ({"JINBA_DATABASE_URL": database_url} if database_url else {})
        command = str(Path(sys.executable).with_name("jinba-mcp"))
        made = subprocess.run(
            [command, "keys", "create", "--name", "bench", "--scope", "execute", "--json"],
            env=os.environ | environment,
            check=True,
            capture_output=True,
        )
        with _process([command, "serve"], environment):
            _wait_for(port)
            yield port, json.loads(made.stdout)["key"]


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL) as process:
        _pin(process.pid, 0)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def _pin(pid: int, core: int) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((load.HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex((load.HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def _print(rows: list[tuple[str, int, Result]]) -> None:
    bare = {connections: result.per_second for name, connections, result in rows if name == "bare SDK, handshake era"}
    print("| what | connections | calls/s | of bare handshake | p50 ms | p99 ms | wrong |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, connections, result in rows:
        ratio = result.per_second / bare[connections]
        figures = (
            f"{result.per_second:,.0f} | {ratio:.2f} | {result.percentile(0.5):.2f} | {result.percentile(0.99):.2f}"
        )
        print(f"| {name} | {connections} | {figures} | {result.wrong_count} |")


if __name__ == "__main__":
    main()
