"""Whatever is asked of uv, it takes wheels only and checks every hash."""

from pathlib import Path

import pytest

from jinba_mcp.sandbox.packages import uv
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter
from tests.sandbox.packages.registries import Registry


@pytest.fixture
def folder(installers: Installers) -> Path:
    path = installers.cache_dir / "folder"
    (path / "tree").mkdir(parents=True)
    return path


@pytest.mark.slow
async def test_what_was_locked_is_installed(
    registry: Registry, installers: Installers, python: Interpreter, folder: Path
) -> None:
    registry.add_wheel("sums", "1.0.0")
    locked = await uv.compiled(["sums"], folder, installers, python)
    assert locked.code == 0
    assert locked.output.startswith("sums==1.0.0 \\\n    --hash=sha256:")
    assert (await uv.installed(locked.output, folder / "tree", installers, python)).code == 0
    assert (folder / "tree" / "sums" / "__init__.py").exists()


async def test_a_source_is_not_taken(
    registry: Registry, installers: Installers, python: Interpreter, folder: Path
) -> None:
    registry.add_sdist("sums", "1.0.0")
    said = await uv.compiled(["sums==1.0.0"], folder, installers, python)
    assert "Wheels are required for `sums`" in said.errors
    pin = f"sums==1.0.0 --hash=sha256:{'0' * 64}\n"
    assert (await uv.installed(pin, folder / "tree", installers, python)).code != 0


async def test_a_lock_without_hashes_is_not_installed(
    registry: Registry, installers: Installers, python: Interpreter, folder: Path
) -> None:
    registry.add_wheel("sums", "1.0.0")
    assert (await uv.installed("sums==1.0.0\n", folder / "tree", installers, python)).code != 0
