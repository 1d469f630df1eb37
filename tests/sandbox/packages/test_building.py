"""What is installed is what was locked; nothing of it is run, and what no tool needs is taken out."""

import json
from pathlib import Path

import pytest

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.sandbox.packages import trees
from jinba_mcp.sandbox.packages.building import build
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter
from tests.sandbox.packages.conftest import Locked
from tests.sandbox.packages.registries import Registry, tarball


@pytest.fixture
def tree(installers: Installers) -> Path:
    path = installers.cache_dir / "building" / "tree"
    path.mkdir(parents=True)
    return path


def _kept(tree: Path) -> set[str]:
    return {path.name for path in tree.iterdir() if not path.name.endswith(".dist-info")}


async def test_stages_are_told(
    registry: Registry, installers: Installers, python: Interpreter, tree: Path, locked: Locked
) -> None:
    registry.add_wheel("sums", "1.0.0")
    said: list[str] = []
    await build(await locked("python", ("sums", None)), tree, installers, python, said.append)
    assert said[0] == "Installing 2 packages"
    assert said[-2:] == ["Installed 2 packages", "Compiled 2 files"]


async def test_stages_of_npm_are_told(
    registry: Registry, installers: Installers, python: Interpreter, tree: Path, locked: Locked
) -> None:
    registry.add_npm("sums", "1.0.0")
    said: list[str] = []
    await build(await locked("typescript", ("sums", None)), tree, installers, python, said.append)
    assert said[0] == "Installing 2 packages"
    assert "Downloading sums-1.0.0" in said


async def test_start_up_hooks_and_programs_are_taken_out(
    registry: Registry, installers: Installers, python: Interpreter, tree: Path, locked: Locked
) -> None:
    canary = tree.parent / "canary"
    files = {
        "sums.pth": f"import pathlib; pathlib.Path({str(canary)!r}).touch()\n",
        "sums/__init__.py": "",
        "sums/inner.pth": "",
        "sums-1.0.0.data/scripts/sums": "#!python\n",
    }
    registry.add_wheel("sums", "1.0.0", files)
    await build(await locked("python", ("sums", None)), tree, installers, python, lambda _: None)
    assert _kept(tree) == {"sums", "pydantic"}
    assert (tree / "sums" / "inner.pth").exists()
    assert not canary.exists()


async def test_a_package_named_like_the_folder_of_programs_stays(
    registry: Registry, installers: Installers, python: Interpreter, tree: Path, locked: Locked
) -> None:
    registry.add_wheel("sums", "1.0.0", {"bin/__init__.py": ""})
    await build(await locked("python", ("sums", None)), tree, installers, python, lambda _: None)
    assert (tree / "bin" / "__init__.py").exists()


async def test_install_scripts_of_npm_are_not_run(
    registry: Registry, installers: Installers, python: Interpreter, tree: Path, locked: Locked
) -> None:
    canary = tree.parent / "canary"
    scripts = dict.fromkeys(("preinstall", "install", "postinstall", "prepare"), f"touch {canary}")
    registry.add_npm("sums", "1.0.0", scripts=scripts)
    await build(await locked("typescript", ("sums", None)), tree, installers, python, lambda _: None)
    assert (tree / "node_modules" / "sums" / "index.js").exists()
    assert not canary.exists()


async def test_a_wheel_that_was_replaced_is_refused(
    registry: Registry, installers: Installers, python: Interpreter, tree: Path, locked: Locked
) -> None:
    registry.add_wheel("sums", "1.0.0")
    lock = await locked("python", ("sums", None))
    registry.add_wheel("sums", "1.0.0", {"sums/__init__.py": "evil"})
    trees.remove(installers.cache_dir / "uv")
    with pytest.raises(EnvironmentFailed, match=r"offers other files for the package 'sums==1\.0\.0'"):
        await build(lock, tree, installers, python, lambda _: None)


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_tarball_that_was_replaced_is_refused(
    registry: Registry,
    installers: Installers,
    python: Interpreter,
    tree: Path,
    locked: Locked,
    *,
    is_announced: bool,
) -> None:
    registry.add_npm("sums", "1.0.0")
    lock = await locked("typescript", ("sums", None))
    evil = tarball({"package/package.json": '{"name": "sums", "version": "1.0.0"}', "package/index.js": "evil"})
    if is_announced:
        registry.add_npm("sums", "1.0.0", archive=evil)
    else:
        registry.tarballs["/sums/-/sums-1.0.0.tgz"] = evil
    trees.remove(installers.cache_dir / "deno")
    with pytest.raises(EnvironmentFailed, match="offers other files"):
        await build(lock, tree, installers, python, lambda _: None)


async def test_what_the_lock_does_not_name_is_not_looked_up(
    registry: Registry, installers: Installers, python: Interpreter, tree: Path, locked: Locked
) -> None:
    registry.add_npm("sums", "1.0.0", dependencies={"adding": "*"})
    registry.add_npm("adding", "1.5.0")
    lock = await locked("typescript", ("sums", None))
    document = json.loads(lock.text)
    document["specifiers"].pop("npm:sums@latest")
    cut = lock.model_copy(update={"text": json.dumps(document)})
    with pytest.raises(EnvironmentFailed, match="lock"):
        await build(cut, tree, installers, python, lambda _: None)


async def test_a_source_distribution_is_never_built(
    registry: Registry, installers: Installers, python: Interpreter, tree: Path, locked: Locked
) -> None:
    registry.add_wheel("sums", "1.0.0")
    lock = await locked("python", ("sums", None))
    registry.wheels.pop("sums-1.0.0-py3-none-any.whl")
    registry.add_sdist("sums", "1.0.0")
    trees.remove(installers.cache_dir / "uv")
    with pytest.raises(EnvironmentFailed):
        await build(lock, tree, installers, python, lambda _: None)


async def test_a_lock_with_options_in_it_reaches_no_installer(
    registry: Registry, installers: Installers, python: Interpreter, tree: Path, locked: Locked
) -> None:
    registry.add_wheel("sums", "1.0.0")
    lock = await locked("python", ("sums", None))
    asked = len(registry.requests)
    hostile = lock.model_copy(update={"text": "--index-url http://127.0.0.1:9/\n" + lock.text})
    with pytest.raises(EnvironmentFailed, match="damaged"):
        await build(hostile, tree, installers, python, lambda _: None)
    assert len(registry.requests) == asked
