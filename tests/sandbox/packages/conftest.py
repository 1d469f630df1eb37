"""A registry of the test's own, and what installs from it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import pytest

from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.tools import Language
from jinba_mcp.sandbox.packages import confined, walled
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter
from jinba_mcp.sandbox.packages.resolving import resolve
from jinba_mcp.sandbox.packages.walled import Answer, Bounds, BuildFailed, Order
from tests.sandbox.packages.registries import Registry
from tests.sandbox.packages.sdists import sdist

Locked = Callable[..., Awaitable[Lock]]
Workshop = Callable[..., Awaitable[Answer]]


@pytest.fixture
def registry() -> Iterator[Registry]:
    served = Registry()
    yield served
    served.close()


@pytest.fixture
def installers(registry: Registry, tmp_path: Path) -> Installers:
    return Installers(tmp_path / "cache", registry.environ)


@pytest.fixture(scope="session")
def python() -> Interpreter:
    return Interpreter.own()


@pytest.fixture
def locked(installers: Installers, python: Interpreter) -> Locked:
    """`await locked("python", ("sums", "<2"), …)`: the lock of these, as the registry has them now."""

    async def make(language: Language, *asked: tuple[str, str | None]) -> Lock:
        packages = tuple(Package(name=name, version=version) for name, version in asked)
        return await resolve(language, packages, installers=installers, python=python)

    return make


@pytest.fixture
def builders(registry: Registry, tmp_path: Path) -> Installers:
    """Installers of an operator who allows builds."""
    return Installers(tmp_path / "cache", registry.environ, allow_builds=True)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory, python: Interpreter) -> Workshop:
    """`await workshop(archive)`: its build. Skipped where the machine has no namespaces, unless that is a failure."""
    cache_dir = tmp_path_factory.mktemp("workshop")
    tools = cache_dir / "tools"
    tools.mkdir()

    async def build(
        archive: bytes, *, given: tuple[str, ...] | None = (), bounds: Bounds | None = None, kind: str = ".tar.gz"
    ) -> Answer:
        scratch = Path(tempfile.mkdtemp(dir=cache_dir))
        file = scratch / f"source{kind}"
        file.write_bytes(archive)
        file.chmod(0o644)
        order = Order(file, tools, given)
        return await walled.build(order, scratch, cache_dir=cache_dir, python=python.path, bounds=bounds or Bounds())

    try:
        anyio.run(build, sdist("trying", "1"))
    except BuildFailed as failed:
        if "namespaces" not in str(failed) or "JINBA_TEST_REQUIRE_SANDBOX" in os.environ:
            raise
        pytest.skip(str(failed))
    return build


@pytest.fixture(scope="session")
def landlock() -> None:
    """What confines installers; the test is skipped where the kernel has none, unless that is a failure."""
    probe = "import runpy, sys; print(runpy.run_path(sys.argv[1])['confine']('/'))"
    asked = subprocess.run([sys.executable, "-c", probe, confined.__file__], capture_output=True, text=True, check=True)
    if asked.stdout.strip() == "False" and "JINBA_TEST_REQUIRE_SANDBOX" not in os.environ:
        pytest.skip("this kernel has no Landlock of ABI 2 or newer")
