"""Sources are found in the operator's index, fetched by hash, and never opened."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.sandbox.packages import sources, trees
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter
from jinba_mcp.sandbox.packages.locks import Pin
from tests.sandbox.packages.registries import Registry, wheel

BODY = b"no archive at all"
PIN = Pin("sums==1.0.0", "sums", "1.0.0", (hashlib.sha256(BODY).hexdigest(),))


@pytest.fixture
def folder(installers: Installers) -> Path:
    path = installers.cache_dir / "folder"
    path.mkdir(parents=True)
    return path


async def test_a_source_is_found_and_fetched_unopened(
    registry: Registry, installers: Installers, python: Interpreter, folder: Path
) -> None:
    registry.add_sdist("sums", "1.0.0", BODY)
    found = await sources.found(PIN, folder, installers, python)
    assert (str(found.source), found.kind) == ("sums 1.0.0", ".tar.gz")
    file = await sources.fetched(found, folder, installers)
    assert (file.name, file.read_bytes()) == ("sums.tar.gz", BODY)


async def test_an_index_may_be_a_folder(registry: Registry, python: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "sums-1.0.0.tar.gz").write_bytes(BODY)
    environ = {**registry.environ, "UV_FIND_LINKS": str(tmp_path / "index")}
    installers = Installers(tmp_path / "cache", environ)
    folder = tmp_path / "cache" / "folder"
    folder.mkdir(parents=True)
    found = await sources.found(PIN, folder, installers, python)
    assert (await sources.fetched(found, folder, installers)).read_bytes() == BODY


async def test_another_file_than_the_pinned_one_is_not_taken(
    registry: Registry, installers: Installers, python: Interpreter, folder: Path
) -> None:
    registry.add_sdist("sums", "1.0.0", b"evil")
    with pytest.raises(EnvironmentFailed, match=r"does not offer the source of sums 1\.0\.0"):
        await sources.found(PIN, folder, installers, python)


async def test_a_file_that_changed_since_it_was_listed_is_not_taken(
    registry: Registry, installers: Installers, python: Interpreter, folder: Path
) -> None:
    registry.add_sdist("sums", "1.0.0", BODY)
    found = await sources.found(PIN, folder, installers, python)
    registry.add_sdist("sums", "1.0.0", b"evil")
    with pytest.raises(EnvironmentFailed, match="does not offer"):
        await sources.fetched(found, folder, installers)


async def test_a_version_with_wheels_only_has_no_source(
    registry: Registry, installers: Installers, python: Interpreter, folder: Path
) -> None:
    registry.wheels["sums-1.0.0-py3-none-any.whl"] = wheel("sums", "1.0.0", {})
    with pytest.raises(EnvironmentFailed, match="does not offer"):
        await sources.found(PIN, folder, installers, python)


async def test_an_index_that_is_away_is_told(
    registry: Registry, installers: Installers, python: Interpreter, folder: Path
) -> None:
    registry.add_sdist("sums", "1.0.0", BODY)
    found = await sources.found(PIN, folder, installers, python)
    trees.remove(installers.cache_dir / "uv")
    away = Installers(installers.cache_dir, {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"})
    with pytest.raises(EnvironmentFailed, match="cannot be reached"):
        await sources.found(PIN, folder, away, python)
    del registry.wheels["sums-1.0.0.tar.gz"]
    with pytest.raises(EnvironmentFailed, match="cannot be reached"):
        await sources.fetched(found, folder, installers)


def test_the_operators_settings_stay(installers: Installers, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "operators.toml").write_text('index-strategy = "unsafe-best-match"')
    with_settings = Installers(installers.cache_dir, {"UV_CONFIG_FILE": str(tmp_path / "operators.toml")})
    options = sources.options({"sums": ('adding; extra == "a\\b"',)}, folder, with_settings)
    assert options == ["--config-file", str(folder / "uv.toml"), "--no-binary", "sums"]
    assert tomllib.loads((folder / "uv.toml").read_text()) == {
        "index-strategy": "unsafe-best-match",
        "dependency-metadata": [{"name": "sums", "requires-dist": ['adding; extra == "a\\b"']}],
    }


@pytest.mark.parametrize(
    "text", ["no TOML [", "", "[[packages]]\nname='a'\n[[packages]]\nname='b'", "[[packages]]\nname='a'"]
)
def test_what_does_not_name_one_source_names_none(text: str) -> None:
    assert sources._listed(text) is None
