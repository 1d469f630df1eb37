"""One file is fetched, and kept only if it is the one that was meant."""

import base64
import hashlib
from pathlib import Path

import pytest

from jinba_mcp.sandbox.packages import fetching
from jinba_mcp.sandbox.packages.installers import Installers
from tests.sandbox.packages.registries import Registry

BODY = b"a source"
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def address(registry: Registry) -> str:
    registry.wheels["sums-1.0.0.tar.gz"] = BODY
    return f"{registry.url}/files/sums-1.0.0.tar.gz"


def test_the_file_that_was_meant_is_kept(address: str, tmp_path: Path) -> None:
    assert fetching.main(address, SHA256, "100", str(tmp_path / "file")) == 0
    assert (tmp_path / "file").read_bytes() == BODY


def test_another_file_is_told(address: str, tmp_path: Path) -> None:
    assert fetching.main(address, "0" * 64, "100", str(tmp_path / "file")) == fetching.MISMATCH


@pytest.mark.parametrize("ending", ["", "?"])
def test_a_file_that_is_too_large_is_not_fetched(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    assert fetching.main(address, SHA256, "3", str(tmp_path / f"file{ending}")) == 1
    assert "larger than" in capsys.readouterr().err


def test_what_is_not_there_is_told(registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetching.main(f"{registry.url}/missing", SHA256, "100", str(tmp_path / "file")) == 1
    assert "Failed to fetch" in capsys.readouterr().err


def test_a_name_and_password_go_to_their_own_index_only() -> None:
    environ = {
        "UV_INDEX": "inner=https://me:p%40ss@inner.example/simple",
        "UV_INDEX_URL": "https://open.example/simple",
    }
    wanted = f"Basic {base64.b64encode(b'me:p@ss').decode()}"
    assert fetching.credentials_for("https://inner.example/files/a.tar.gz", environ) == wanted
    for other in ("https://open.example/a", "http://inner.example/a", "https://inner.example:8443/a"):
        assert fetching.credentials_for(other, environ) is None


async def test_the_program_writes_into_the_cache_only(
    landlock: None, address: str, installers: Installers, tmp_path: Path
) -> None:
    program, inside, outside = Path(fetching.__file__), installers.cache_dir / "file", tmp_path / "file"
    installers.cache_dir.mkdir()
    said = await installers.program(program, [address, SHA256, "100", str(inside)], installers.cache_dir, 20)
    assert (said.code, inside.read_bytes()) == (0, BODY)
    said = await installers.program(program, [address, SHA256, "100", str(outside)], installers.cache_dir, 20)
    assert (said.code, outside.exists()) == (1, False)
