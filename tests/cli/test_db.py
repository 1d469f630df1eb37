"""`jinba-mcp db`."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from jinba_mcp.storage.store import Store
from tests.cli.conftest import Jinba


def test_a_new_database_is_set_up_and_an_up_to_date_one_left_alone(run_jinba: Jinba, empty_data_dir: Path) -> None:
    made = run_jinba("db", "upgrade", "--json").json
    assert made["revision"]
    again = run_jinba("db", "upgrade", "--json").json
    assert again == {"before": made["revision"], "revision": made["revision"]}
    assert "newest revision" in run_jinba("db", "upgrade").out


def test_a_healthy_database_passes(jinba: Jinba) -> None:
    assert jinba("db", "check", "--json").json == {"ok": True, "problems": []}
    assert jinba("db", "check").out == "The database is healthy.\n"


def test_what_is_wrong_is_told_and_not_mended_in_passing(jinba: Jinba, data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / "jinba.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'older'")
    ended = jinba("db", "check", "--json")
    assert (ended.code, ended.json["ok"]) == (1, False)
    assert "the schema is behind" in ended.json["problems"][0]
    assert "the schema is behind" in jinba("db", "check").err


def test_a_file_that_is_no_database_is_refused(jinba: Jinba, data_dir: Path) -> None:
    for file in data_dir.iterdir():
        file.unlink()
    (data_dir / "jinba.db").write_bytes(b"not a database at all" * 100)
    ended = jinba("db", "check")
    assert (ended.code, ended.out) == (1, "")
    assert len(ended.err.splitlines()) == 1


def test_a_backup_is_a_database_of_its_own(jinba: Jinba, tmp_path: Path) -> None:
    jinba("orgs", "create", "acme")
    target = tmp_path / "backup.db"
    made = jinba("db", "backup", str(target), "--json").json
    assert made == {"file": str(target), "bytes": target.stat().st_size}
    with closing(sqlite3.connect(target)) as connection:
        slugs = [row[0] for row in connection.execute("SELECT slug FROM organization ORDER BY slug")]
    assert slugs == ["acme", "default"]


def test_a_backup_overwrites_nothing(jinba: Jinba, tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    target.write_text("precious")
    ended = jinba("db", "backup", str(target))
    assert (ended.code, target.read_text()) == (1, "precious")
    assert "backup.db" in ended.err
    assert jinba("db", "backup", str(tmp_path / "nowhere" / "backup.db")).code == 1


def test_each_command_answers_in_json_too(run_jinba: Jinba, empty_data_dir: Path, tmp_path: Path) -> None:
    upgraded = run_jinba("db", "upgrade", "--json").json
    copied = run_jinba("db", "backup", str(tmp_path / "copy.db"), "--json").json

    assert upgraded["before"] == upgraded["revision"] is not None
    assert run_jinba("db", "check", "--json").json == {"ok": True, "problems": []}
    assert copied == {"file": str(tmp_path / "copy.db"), "bytes": (tmp_path / "copy.db").stat().st_size}


def test_an_upgrade_is_told_with_where_it_came_from(jinba: Jinba, monkeypatch: pytest.MonkeyPatch) -> None:
    revisions = ["0001"]

    async def revision(_store: Store) -> str:
        return revisions[-1]

    async def upgrade(_store: Store) -> None:
        revisions.append("0002")

    monkeypatch.setattr(Store, "schema_revision", revision)
    monkeypatch.setattr(Store, "upgrade", upgrade)

    assert jinba("db", "upgrade").out == "Upgraded the schema from 0001 to 0002.\n"


def test_a_backup_to_where_nothing_can_be_made_is_refused(jinba: Jinba, tmp_path: Path) -> None:
    ended = jinba("db", "backup", str(tmp_path / "nowhere" / "copy.db"))

    assert (ended.code, "cannot be made" in ended.err) == (1, True)
