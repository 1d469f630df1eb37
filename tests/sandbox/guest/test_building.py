"""The program that makes a build's walls says what is in the way; the walls themselves: see packages/test_walled.py."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jinba_mcp.sandbox import guest
from jinba_mcp.sandbox.packages import walled
from tests.sandbox.packages.conftest import Workshop
from tests.sandbox.packages.sdists import sdist, seen

KEEPING = """
import os, sys; sys.path.insert(0, sys.argv[1])
from guest import kernel
kernel.close_from = lambda first: os.closerange(first, 1 << 16)
"""
"""Leaves open what the coverage is written to, and nothing else."""
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from guest.building import main; main()"


def _said(measured: str, config: dict[str, object], last: bytes) -> tuple[bytes, int]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    folder = str(Path(guest.__file__).parents[1])
    ours.settimeout(60)
    with ours, theirs:
        ours.send(json.dumps(config).encode())
        command = [sys.executable, "-I", "-S", "-c", measured + BOOT, folder]
        with subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL) as started:
            theirs.close()
            said = ours.recv(4096)
            if said == b"map":
                ours.send(last) if last else ours.close()
                said = ours.recv(4096) if last else b""
        return said, started.returncode


def test_what_is_in_the_way_is_told(measured: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    said, code = _said(measured, {"root": missing, "shown": {}, "limits": {}, "filter": ""}, b"mapped")
    assert b"Error: " in said
    assert code == 1


def test_a_host_that_is_gone_starts_nothing(measured: str, tmp_path: Path) -> None:
    config: dict[str, object] = {"root": str(tmp_path), "shown": {"/usr": "/usr"}, "limits": {}, "filter": ""}
    said, code = _said(measured, config, b"")
    assert (said, code) == (b"", 0) or os.geteuid() != 0


async def test_behind_the_walls_the_backend_takes_over(
    workshop: Workshop, measured: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if measured:
        monkeypatch.setattr(walled, "_BOOT", measured + KEEPING + walled._BOOT)

    answer = await workshop(sdist("sums", "1.0.0"))

    assert seen(answer.wheel) == "built"
