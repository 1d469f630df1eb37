"""`jinba-mcp stdio` with tools that write to the process's standard output by every way there is."""

import json
import select
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.resilience import tools
from tests.resilience.places import BOOT_S, PROGRAM, STOP_S, Place

TEXT = "noise of the tool"
INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}

pytestmark = pytest.mark.slow


class Client:
    """Speaks to the process line by line; every line must be an answer of the protocol."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._count = 0

    def ask(self, method: str, **params: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._count += 1
        self._tell({"jsonrpc": "2.0", "id": self._count, "method": method, "params": params})
        assert select.select([self._process.stdout], [], [], BOOT_S)[0], "no answer in time"
        answer = json.loads(self._process.stdout.readline())
        assert answer["id"] == self._count
        return answer["result"]

    def shake_hands(self) -> None:
        self.ask("initialize", **INITIALIZE)
        self._tell({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def end(self) -> tuple[str, str]:
        """Close its input, as clients do; returns what it still said on standard output and on standard error."""
        out, err = self._process.communicate(timeout=STOP_S)
        assert self._process.returncode == 0
        return out, err

    def _tell(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()


def test_standard_output_carries_the_protocol_only(tmp_path: Path) -> None:
    """Issue 2, point 7: whatever a tool prints; when it is loaded, too, and through the programs that it starts."""
    tools.write_noisy(tmp_path / "toolsets")
    place = Place(tmp_path)
    with subprocess.Popen(
        [PROGRAM, "stdio", "--toolset", "noisy-tools"],
        env=place.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            client = Client(process)
            client.shake_hands()
            result = client.ask("tools/call", name="write-below", arguments={"text": TEXT})
            assert result["structuredContent"] == {"stdin": ""}
            failed = client.ask("tools/call", name="write-below", arguments={"text": 1})
            assert failed["isError"] is True
            out, err = client.end()
        finally:
            process.kill()
    assert out == ""
    assert TEXT in err
    assert "noise of a shell" in err
    assert "Traceback" not in err
