"""Commands run in this process, on a registry of the test's own; the few that need a process of their own say so."""

import functools
import io
import json
import logging
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jinba_mcp.cli import main
from tests.clients.serving import Registry, served

GREET = """
def run(name: str, count: int = 1) -> dict:
    print("greeting")
    return {"message": ", ".join([f"Hello, {name}!"] * count)}
"""


@dataclass(frozen=True)
class Ended:
    """What a command printed and how it exited."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


Jinba = Callable[..., Ended]
AddTool = Callable[..., Path]


def write_tool(toolsets: Path, code: str = GREET, *, toolset: str = "greeting-tools", tool: str = "greet") -> Path:
    """Write a tool, and its ToolSet when new, into a folder; returns the ToolSet's."""
    folder = toolsets / toolset
    (folder / "tools" / tool).mkdir(parents=True, exist_ok=True)
    (folder / "toolset.yml").write_text(f"name: The {toolset}\nmcpEnabled: true\nsandbox: {{provider: inprocess}}\n")
    (folder / "tools" / tool / "tool.yml").write_text(f"name: The {tool}\ndescription: Does it.\n")
    (folder / "tools" / tool / "main.py").write_text(code)
    return folder


@contextmanager
def kept() -> Iterator[None]:
    """Commands set up logging, signals, hooks and standard streams of their process, which here is everyone's."""
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = root.handlers[:], root.level
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    streams = {number: os.dup(number) for number in (0, 1)}
    try:
        yield
    finally:
        for number, copy in streams.items():
            os.dup2(copy, number)
            os.close(copy)
        root.handlers[:], sys.excepthook = handlers, hook
        root.setLevel(level)
        for number, handler in signals.items():
            signal.signal(number, handler)


def prepare(root: Path, *commands: Sequence[str]) -> Path:
    """A data directory as these commands leave it, to be copied by each test, since copies cost less than commands."""
    with pytest.MonkeyPatch.context() as patch, kept():
        patch.setenv("JINBA_DATA_DIR", str(root / "data"))
        patch.setenv("XDG_CONFIG_HOME", str(root / "config"))
        for name in ("JINBA_URL", "JINBA_API_KEY"):
            patch.delenv(name, raising=False)
        for command in commands:
            with pytest.raises(SystemExit):
                main([*command, "--json"])
    return root / "data"


@pytest.fixture(autouse=True)
def profiles_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a test's own logins are kept, and not those of whoever runs it."""
    for name in ("JINBA_URL", "JINBA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "jinba-mcp" / "profiles.json"


@pytest.fixture(scope="session")
def set_up_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("set-up"), ["db", "upgrade"])


@pytest.fixture(scope="session")
def pushed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pushed")
    return prepare(root, ["toolsets", "push", str(write_tool(root / "toolsets"))])


@pytest.fixture
def empty_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a fresh machine, whose operator has one folder for ToolSets."""
    data_dir, toolsets = tmp_path / "data", tmp_path / "toolsets"
    toolsets.mkdir()
    monkeypatch.setenv("JINBA_DATA_DIR", str(data_dir))
    monkeypatch.setenv("JINBA_TOOLSETS_DIRS", str(toolsets))
    return data_dir


@pytest.fixture
def data_dir(empty_data_dir: Path, set_up_once: Path) -> Path:
    """The same, with the database set up."""
    shutil.copytree(set_up_once, empty_data_dir)
    return empty_data_dir


@pytest.fixture
def unguarded() -> Iterator[None]:
    """Allows a test to call what sets up the whole process."""
    with kept():
        yield


@pytest.fixture
def run_jinba(unguarded: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Jinba:
    """Run one command as it would run from a shell that is no terminal."""

    def run(*arguments: str, stdin: bytes = b"", is_terminal: bool = False) -> Ended:
        kind = _Terminal if is_terminal else io.TextIOWrapper
        monkeypatch.setattr(sys, "stdin", kind(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as exited:
            main(arguments)
        out, err = capsys.readouterr()
        assert isinstance(exited.value.code, int)
        return Ended(exited.value.code, out, err)

    return run


@pytest.fixture
def jinba(run_jinba: Jinba, data_dir: Path) -> Jinba:
    """Run one command on a registry that is set up and empty."""
    return run_jinba


@pytest.fixture
def greeter(run_jinba: Jinba, empty_data_dir: Path, pushed_once: Path) -> Jinba:
    """Run one command on a registry with greeting-tools/greet."""
    shutil.copytree(pushed_once, empty_data_dir)
    return run_jinba


@pytest.fixture
def add_tool(tmp_path: Path) -> AddTool:
    """Write a tool, and its ToolSet when new, into the operator's folder; returns the ToolSet's folder."""
    return functools.partial(write_tool, tmp_path / "toolsets")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A server in a process of its own, with greeting-tools/greet in the organization `default`; tests share it."""
    folder = tmp_path_factory.mktemp("server")
    write_tool(folder / "toolsets")
    with served(folder / "data", folder / "toolsets") as running:
        yield running


@dataclass(frozen=True)
class Remote:
    """A server, and a key with the scope `admin` to an organization that is one test's own."""

    registry: Registry
    org: str
    key: str

    @property
    def url(self) -> str:
        return self.registry.url


@pytest.fixture
def remote(server: Registry, tmp_path: Path) -> Remote:
    """An organization on the server with greeting-tools/greet in it."""
    org = f"org-{secrets.token_hex(4)}"
    answer(server, "orgs", "create", org)
    answer(server, "toolsets", "push", str(write_tool(tmp_path / "pushed")), "--org", org)
    key = answer(server, "keys", "create", "--name", "test", "--scope", "admin", "--org", org)["key"]
    return Remote(server, org, key)


def answer(server: Registry, *command: str) -> Any:
    """What a command answers on the server's machine; in this process, as one of its own takes long."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, kept(), redirect_stdout(said):
        for name, value in server.environment.items():
            if name.startswith("JINBA_"):
                patch.setenv(name, value)
        with pytest.raises(SystemExit):
            main([*command, "--json"])
    return json.loads(said.getvalue())


@pytest.fixture
def far(run_jinba: Jinba, empty_data_dir: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> Jinba:
    """Run one command on the server, in the organization of the test; on this machine there is nothing."""
    monkeypatch.setenv("JINBA_URL", remote.url)
    monkeypatch.setenv("JINBA_API_KEY", remote.key)
    return in_organization(run_jinba, remote.org)


@pytest.fixture(params=["near", pytest.param("far", marks=pytest.mark.slow)])
def either(request: pytest.FixtureRequest) -> Jinba:
    """Run one command on a registry with greeting-tools/greet: the local one, then one that is served."""
    found: Jinba = request.getfixturevalue({"near": "greeter", "far": "far"}[request.param])
    return found


def in_organization(run: Jinba, org: str) -> Jinba:
    """The same commands, each with `--org`."""
    return lambda *arguments, **settings: run(*arguments, "--org", org, **settings)


@pytest.fixture
def walls(run_jinba: Jinba, data_dir: Path) -> None:
    """The test is skipped where there are no namespaces."""
    checks = run_jinba("doctor", "--json").json["checks"]
    said = " ".join(check["detail"] for check in checks if check["subject"] == "sandbox")
    if "namespaces, isolation strong" not in said:
        why = f"no namespaces here: {said}"
        if os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") == "1":
            pytest.fail(why)
        pytest.skip(why)
