"""`jinba-mcp stdio`, in a process of its own because it takes over the standard streams."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import AddTool, Jinba

PROGRAM = str(Path(sys.executable).with_name("jinba-mcp"))
WITHIN_S = 120


def request(number: int, method: str, **params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) + "\n"


INITIALIZE = request(
    1, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "test", "version": "1"}
)
INITIALIZED = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}) + "\n"
CALL = request(3, "tools/call", name="greeting-tools__greet", arguments={"name": "Alice"})


class Server:
    """The process, spoken to line by line."""

    def __init__(self, begin: str) -> None:
        program = f"{begin}import sys; from jinba_mcp.cli import main; main(sys.argv[1:])"
        command = [sys.executable, "-c", program, "stdio"] if begin else [PROGRAM, "stdio"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def ask(self, *lines: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("".join(lines))
        self.process.stdin.flush()
        assert select.select([self.process.stdout], [], [], WITHIN_S)[0], "no answer in time"
        return json.loads(self.process.stdout.readline())


@pytest.mark.slow
def test_the_local_registry_is_served_and_a_signal_ends_it_though_its_input_is_open(
    jinba: Jinba, add_tool: AddTool, measured: str
) -> None:
    add_tool()
    server = Server(measured)
    with server.process as process:
        try:
            assert server.ask(INITIALIZE)["result"]["protocolVersion"] == "2025-06-18"
            tools = server.ask(INITIALIZED, request(2, "tools/list"))["result"]["tools"]
            assert [tool["name"] for tool in tools] == ["greeting-tools__greet"]
            called = server.ask(CALL)["result"]
            assert called["structuredContent"] == {"message": "Hello, Alice!"}
            process.send_signal(signal.SIGTERM)
            assert process.wait(WITHIN_S) == 0
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.read() == ""
            assert "Loaded greeting-tools 1.0.0" in process.stderr.read()
        finally:
            process.kill()
    (run,) = jinba("runs", "list", "--json").json["data"]
    assert (run["source"], run["status"]) == ("stdio", "success")


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--toolset", "nothing"], "nothing"), (["--org", "nobody"], "nobody"), (["--toolset", "a@9.9.9"], "a")],
)
def test_what_is_not_there_is_refused_before_anything_is_served(greeter: Jinba, options: list[str], said: str) -> None:
    ended = greeter("stdio", *options)
    assert (ended.code, ended.out) == (1, "")
    assert f"'{said}'" in ended.err


def test_a_key_that_is_none_is_refused(greeter: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_API_KEY", "jtb_typo")
    ended = greeter("stdio")
    assert ended.code == 1
    assert "checksum" in ended.err


def test_the_environment_of_tests_is_clean() -> None:
    """A setting of the machine's own would change what the processes here do."""
    assert not [name for name in os.environ if name.startswith("JINBA_") and not name.startswith("JINBA_TEST_")]
