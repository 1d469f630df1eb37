"""What publishing and engines use: locks for lists, and folders for bundles that stay until they are released."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.sandbox.engine import Bundle
from jinba_mcp.sandbox.packages import trees
from jinba_mcp.sandbox.packages.facade import Packages
from tests.sandbox.packages.registries import Registry


@asynccontextmanager
async def _packages(registry: Registry, cache_dir: Path, max_bytes: int = 10**9) -> AsyncIterator[Packages]:
    made = Packages(cache_dir, environ=registry.environ, max_bytes=max_bytes)
    try:
        yield made
    finally:
        await made.close()


def _bundle(lock: Lock | None, digest: str = "sha256:1") -> Bundle:
    return Bundle(digest=digest, toolset="sums", language="python", lock=lock)


async def test_a_bundle_without_a_lock_has_no_environment(registry: Registry, tmp_path: Path) -> None:
    async with _packages(registry, tmp_path) as packages:
        assert await packages.environment_for(_bundle(None)) is None
    assert registry.requests == []


async def test_a_list_is_resolved_and_its_environment_built_with_progress(registry: Registry, tmp_path: Path) -> None:
    registry.add_wheel("sums", "1.0.0")
    told: list[str | None] = []
    async with _packages(registry, tmp_path) as packages:
        lock = await packages.resolve("python", (Package(name="sums"),))
        path = await packages.environment_for(_bundle(lock), lambda _, __, message: told.append(message))
        assert path is not None
        assert (path / "sums" / "__init__.py").exists()
        assert told[0] == "Installing 2 packages"
        told.clear()
        assert await packages.environment_for(_bundle(lock), lambda _, __, message: told.append(message)) == path
        assert told == []


@pytest.mark.slow
async def test_an_environment_stays_until_its_bundle_is_released(registry: Registry, tmp_path: Path) -> None:
    registry.add_wheel("sums", "1.0.0")
    registry.add_wheel("adding", "1.0.0")
    async with _packages(registry, tmp_path, max_bytes=1) as packages:
        locks = [await packages.resolve("python", (Package(name=name),)) for name in ("sums", "adding")]
        first = await packages.environment_for(_bundle(locks[0], "sha256:1"))
        assert first is not None
        second = await packages.environment_for(_bundle(locks[1], "sha256:2"))
        assert second is not None
        assert first.exists()
        packages.release("sha256:1")
        packages.release("sha256:1")
        await packages.environment_for(_bundle(await packages.resolve("python", ()), "sha256:3"))
        assert (first.exists(), second.exists()) == (False, True)


@pytest.mark.slow
async def test_an_environment_that_was_deleted_by_hand_is_built_again(registry: Registry, tmp_path: Path) -> None:
    registry.add_wheel("sums", "1.0.0")
    async with _packages(registry, tmp_path) as packages:
        bundle = _bundle(await packages.resolve("python", (Package(name="sums"),)))
        path = await packages.environment_for(bundle)
        assert path is not None
        trees.remove(path.parent)
        assert await packages.environment_for(bundle) == path
        assert path.exists()


async def test_builds_are_refused_unless_the_operator_allows_them(registry: Registry, tmp_path: Path) -> None:
    assert Packages(tmp_path, environ=registry.environ)._installers.allow_builds is False
    assert Packages(tmp_path, environ=registry.environ, allow_builds=True)._installers.allow_builds is True
