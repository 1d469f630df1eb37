"""`jinba-mcp doctor`."""

import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from jinba_mcp.cli import doctor
from jinba_mcp.cli.doctor import State
from jinba_mcp.core.health import SandboxReport
from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.settings import Settings
from tests.cli.conftest import Ended, Jinba


def found(ended: Ended) -> dict[str, str]:
    return {check["subject"]: check["state"] for check in ended.json["checks"]}


def test_a_sound_installation_passes(jinba: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_PORT", "0")
    ended = jinba("doctor", "--json")
    assert (ended.code, ended.json["ok"]) == (0, True)
    checks = found(ended)
    del checks["node"]
    assert checks == dict.fromkeys(
        ["version", "python", "data", "database", "sandbox", "toolsets", "port", "url"], "ok"
    )
    assert jinba("doctor").out.startswith("ok    version     jinba-mcp ")


def test_a_fresh_machine_passes_and_is_not_changed_much(run_jinba: Jinba, empty_data_dir: Path) -> None:
    ended = run_jinba("doctor", "--json")
    assert (ended.code, found(ended)["database"]) == (0, "ok")
    assert "the first command sets it up" in ended.out


def test_a_broken_database_fails_with_what_to_do(jinba: Jinba, data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / "jinba.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'older'")
    ended = jinba("doctor", "--json")
    assert (ended.code, found(ended)["database"]) == (1, "fail")
    assert "db upgrade" in ended.out


def test_a_database_that_cannot_be_opened_fails(jinba: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_DATABASE_URL", "mysql://nowhere/db")
    ended = jinba("doctor")
    assert ended.code == 1
    assert "fail  database" in ended.out


def test_a_data_directory_open_to_others_is_warned_of(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    finding = doctor.data_dir(Settings(data_dir=tmp_path))
    assert finding.state is State.WARN
    assert "chmod 700" in finding.advice
    tmp_path.chmod(0o700)
    assert doctor.data_dir(Settings(data_dir=tmp_path)).state is State.OK
    (tmp_path / "file").touch()
    assert doctor.data_dir(Settings(data_dir=tmp_path / "file")).state is State.FAIL


def test_a_folder_of_toolsets_that_is_not_there_fails(tmp_path: Path) -> None:
    (finding,) = doctor.folders(Settings(toolsets_dirs=(tmp_path / "nowhere",)))
    assert finding.state is State.FAIL
    (finding,) = doctor.folders(Settings(load_toolsets=False))
    assert finding.state is State.OK


def test_a_port_in_use_is_warned_of() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        finding = doctor.port(Settings(port=listener.getsockname()[1]))
    assert finding.state is State.WARN


def test_listening_to_the_network_without_a_public_url_is_warned_of() -> None:
    everywhere = Settings(host="0.0.0.0")  # noqa: S104  what an operator may set
    assert doctor.public_url(everywhere).state is State.WARN
    public = everywhere.model_copy(update={"public_url": "https://tools.example.com"})
    assert doctor.public_url(public).state is State.OK


def test_python_has_to_be_new_enough() -> None:
    assert doctor.python((3, 10)).state is State.FAIL
    assert doctor.python((3, 11)).state is State.OK


def test_node_is_missed_only_a_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.node().state is State.WARN
    (tmp_path / "npx").touch(0o755)
    assert doctor.node().state is State.OK


async def test_a_database_that_does_not_answer_is_told_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_settings: Settings) -> NoReturn:
        raise TimeoutError

    monkeypatch.setattr(doctor, "opened", silent)

    (finding,) = await doctor._database(Settings(data_dir=tmp_path))

    assert (finding.state, finding.detail) == (State.FAIL, "No answer within a minute.")


def test_an_engine_without_walls_is_warned_of() -> None:
    walls = Isolation(provider="local", tier="none", level=Level.NONE)

    finding = doctor.sandbox(SandboxReport(name="local", isolation=walls, problem=None))

    assert finding.state is State.WARN
    assert "unset JINBA_SANDBOX" in str(finding)
