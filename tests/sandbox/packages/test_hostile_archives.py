"""Archives of strangers write nowhere but into their own environment, and bring nothing into it that leads out."""

import os
import stat
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from jinba_mcp.domain.errors import EnvironmentFailed, PackagesUnresolvable
from jinba_mcp.domain.packages import Package
from jinba_mcp.domain.tools import Language
from jinba_mcp.sandbox.packages.environments import Environments
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter
from jinba_mcp.sandbox.packages.resolving import resolve
from tests.sandbox.packages.registries import Registry, tarball

pytestmark = pytest.mark.slow  # each starts two or three installers

Install = Callable[[Language], Awaitable[Path | None]]

INIT = {"sums/__init__.py": ""}
MANIFEST = {"package/package.json": '{"name": "sums", "version": "1.0.0"}', "package/index.js": ""}


@pytest.fixture
def install(installers: Installers, python: Interpreter, tmp_path: Path) -> Install:
    """Resolves and builds `sums`: the folder that came of it, or None if it was refused. Checks what must be so."""

    async def run(language: Language) -> Path | None:
        made = Environments(installers.cache_dir, installers=installers, python=python)
        try:
            lock = await resolve(language, (Package(name="sums"),), installers=installers, python=python)
            path = await made.ready(lock)
        except (EnvironmentFailed, PackagesUnresolvable):
            path = None
        _check_contained(tmp_path, path)
        return path

    return run


def _check_contained(tmp_path: Path, path: Path | None) -> None:
    cache = tmp_path / "cache"
    may_be_in = [cache / "uv", cache / "deno", *([path] if path is not None else [])]
    evils = tmp_path.rglob("*evil*")
    assert [found for found in evils if not any(found.is_relative_to(folder) for folder in may_be_in)] == []
    assert list((cache / "building").iterdir()) == []
    if path is None:
        return
    for entry in path.rglob("*"):
        mode = entry.lstat().st_mode
        assert stat.S_ISREG(mode) or stat.S_ISDIR(mode) or entry.resolve().is_relative_to(path.resolve())
        assert stat.S_ISLNK(mode) or stat.S_IMODE(mode) in (0o755, 0o644)
        assert os.path.realpath(entry) != "/etc/passwd"


@pytest.mark.parametrize(
    "path",
    [
        "../evil.py",
        "../../../../../../evil.py",
        "sums/../../evil.py",
        "sums-1.0.0.data/scripts/../../../evil",
        "sums-1.0.0.data/data/../../../evil",
        "sums-1.0.0.data/purelib/../../../evil.py",
        "sums-1.0.0.data/headers/../../../evil.h",
        "sums\\..\\..\\evil.py",
    ],
)
async def test_a_wheel_cannot_climb_out(registry: Registry, install: Install, path: str) -> None:
    registry.add_wheel("sums", "1.0.0", {**INIT, path: "evil"})
    await install("python")


async def test_a_wheel_cannot_write_to_an_absolute_path(registry: Registry, install: Install, tmp_path: Path) -> None:
    registry.add_wheel("sums", "1.0.0", {**INIT, str(tmp_path / "evil.py"): "evil"})
    await install("python")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../etc/passwd", "/", "sums/__init__.py"])
async def test_a_wheel_cannot_bring_links(registry: Registry, install: Install, target: str) -> None:
    registry.add_wheel("sums", "1.0.0", {**INIT, "sums/link": target}, modes={"sums/link": 0o120777})
    path = await install("python")
    assert path is None or not (path / "sums" / "link").is_symlink()


async def test_a_wheel_cannot_write_through_a_link_it_brought(
    registry: Registry, install: Install, tmp_path: Path
) -> None:
    files = {**INIT, "sums/link": str(tmp_path), "sums/link/evil.py": "evil"}
    registry.add_wheel("sums", "1.0.0", files, modes={"sums/link": 0o120777})
    await install("python")


@pytest.mark.parametrize("mode", [0o104755, 0o102755, 0o101777, 0o100666, 0o100000, 0o010644, 0o060644])
async def test_a_wheel_cannot_bring_modes(registry: Registry, install: Install, mode: int) -> None:
    registry.add_wheel("sums", "1.0.0", {**INIT, "sums/tool": "#!/bin/sh\n"}, modes={"sums/tool": mode})
    assert await install("python") is not None


async def test_a_wheel_cannot_fill_the_disk(
    registry: Registry, python: Interpreter, installers: Installers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinba_mcp.sandbox.packages.installers._DISK_GLANCE_S", 0.01)
    bounded = Installers(installers.cache_dir, installers.environ, max_disk_bytes=-(10**15))
    registry.add_wheel("sums", "1.0.0")
    lock = await resolve("python", (Package(name="sums"),), installers=installers, python=python)
    with pytest.raises(EnvironmentFailed, match="MB on disk"):
        await Environments(installers.cache_dir, installers=bounded, python=python).ready(lock)
    _check_contained(tmp_path, None)


async def test_metadata_that_names_an_address_is_not_followed(registry: Registry, install: Install) -> None:
    registry.add_wheel("sums", "1.0.0", requires=(f"adding @ {registry.url}/files/adding-1.0.0-py3-none-any.whl",))
    registry.add_wheel("adding", "1.0.0")
    await install("python")
    assert not [request for request in registry.requests if "adding" in request]


@pytest.mark.parametrize("path", ["package/../../evil.js", "../../../evil.js", "package/x/../../../../evil.js"])
async def test_a_tarball_cannot_climb_out(registry: Registry, install: Install, path: str) -> None:
    registry.add_npm("sums", "1.0.0", archive=tarball({**MANIFEST, path: "evil"}))
    await install("typescript")


async def test_a_tarball_cannot_write_to_an_absolute_path(registry: Registry, install: Install, tmp_path: Path) -> None:
    registry.add_npm("sums", "1.0.0", archive=tarball({**MANIFEST, str(tmp_path / "evil.js"): "evil"}))
    await install("typescript")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../../../../etc/passwd"])
async def test_a_tarball_cannot_bring_links_or_devices(
    registry: Registry, install: Install, kind: bytes, target: str
) -> None:
    entry = tarfile.TarInfo("package/link")
    entry.type, entry.linkname = kind, target
    registry.add_npm("sums", "1.0.0", archive=tarball(MANIFEST, (entry,)))
    await install("typescript")


@pytest.mark.parametrize(
    "bin_",
    [
        {"../../../evil": "index.js"},
        {"evil": "../../../../../../../../etc/passwd"},
        {"evil": "/etc/passwd"},
        "../../../../etc/passwd",
    ],
)
async def test_a_manifest_cannot_link_programs_out(registry: Registry, install: Install, bin_: object) -> None:
    registry.add_npm("sums", "1.0.0", bin=bin_)
    await install("typescript")


@pytest.mark.parametrize(
    "name", ["../../evil", "../../../../evil", "/evil", "..", ".deno", "evil\u0000", "@evil/../../../evil"]
)
async def test_a_manifest_cannot_name_its_folder(registry: Registry, install: Install, name: str) -> None:
    registry.add_npm("sums", "1.0.0", dependencies={name: "1.0.0"})
    registry.add_npm(name, "1.0.0")
    await install("typescript")


@pytest.mark.parametrize("address", ["{url}/other/-/other-1.0.0.tgz", "file:/etc", "git+{url}/other", "jsr:@a/b"])
async def test_a_dependency_by_address_is_not_followed(registry: Registry, install: Install, address: str) -> None:
    registry.add_npm("sums", "1.0.0", dependencies={"other": address.format(url=registry.url)})
    registry.add_npm("other", "1.0.0")
    await install("typescript")
    assert "/other/-/other-1.0.0.tgz" not in registry.requests
