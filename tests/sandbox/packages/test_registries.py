"""Once against the real registries: what the stand-ins cannot promise."""

from pathlib import Path

import anyio
import pytest

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.tools import Language
from jinba_mcp.sandbox.engine import Bundle
from jinba_mcp.sandbox.packages.facade import Packages
from jinba_mcp.sandbox.packages.installers import Interpreter

pytestmark = pytest.mark.slow


async def _installed(tmp_path: Path, language: Language, *names: str) -> tuple[Lock, Path]:
    packages = Packages(tmp_path)
    try:
        lock = await packages.resolve(language, tuple(Package(name=name) for name in names))
        bundle = Bundle(digest="sha256:1", toolset="real", language=language, lock=lock)
        path = await packages.environment_for(bundle)
    except EnvironmentFailed as failure:
        if "cannot be reached" in failure.message:
            pytest.skip("no registry can be reached from this machine")
        raise
    finally:
        await packages.close()
    assert path is not None
    return lock, path


async def test_python_packages_come_from_the_index(tmp_path: Path) -> None:
    lock, path = await _installed(tmp_path, "python", "slack_sdk", "httpx[http2]")
    assert "://" not in lock.text
    code = f"import sys; sys.path.append({str(path)!r}); import slack_sdk, httpx, h2, pydantic; print(pydantic.VERSION)"
    ran = await anyio.run_process([str(Interpreter.own().path), "-I", "-S", "-c", code])
    assert ran.stdout.startswith(b"2.")


async def test_npm_packages_come_from_the_registry(tmp_path: Path) -> None:
    lock, path = await _installed(tmp_path, "typescript", "date-fns")
    assert "://" not in lock.text
    assert (path / "node_modules" / "date-fns" / "package.json").exists()
    assert (path / "node_modules" / "zod" / "package.json").exists()
