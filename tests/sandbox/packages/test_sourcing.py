"""Lists with packages that have no wheels: these are built behind walls, and the lock says from what and with what."""

from pathlib import Path

import pytest

from jinba_mcp.domain.errors import EnvironmentFailed, PackagesUnresolvable
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.sandbox.packages import building, locks, sourcing, trees
from jinba_mcp.sandbox.packages.environments import Environments
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter
from jinba_mcp.sandbox.packages.resolving import resolve
from tests.sandbox.packages.conftest import Workshop
from tests.sandbox.packages.registries import Registry
from tests.sandbox.packages.sdists import sdist

pytestmark = pytest.mark.slow  # each starts half a dozen installers

USING_TOOL = "import tooling\nreturn tooling.VERSION"


def _add_tool(registry: Registry, version: str) -> None:
    registry.add_wheel("tooling", version, {"tooling.py": f"VERSION = {version!r}\n"})


async def _locked(builders: Installers, python: Interpreter, *names: str) -> Lock:
    asked = tuple(Package(name=name) for name in names)
    return await resolve("python", asked, installers=builders, python=python)


async def _seen(builders: Installers, python: Interpreter, lock: Lock) -> str:
    path = await Environments(builders.cache_dir, installers=builders, python=python).ready(lock)
    return (path / "sums.py").read_text()


async def test_a_package_without_wheels_is_built_and_its_needs_are_met(
    workshop: Workshop, registry: Registry, builders: Installers, python: Interpreter, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    code = f"open({str(canary)!r}, 'w') if os.path.isdir({str(tmp_path)!r}) else 0\n{USING_TOOL}"
    archive = sdist("sums", "1.0.0", code, requires=("tooling",), needs=("adding>=1; python_version > '3'",))
    registry.add_sdist("sums", "1.0.0", archive)
    registry.add_wheel("adding", "1.5.0")
    _add_tool(registry, "1.0")
    told: list[str | None] = []
    asked = (Package(name="sums"),)
    lock = await resolve(
        "python", asked, installers=builders, python=python, report=lambda _, __, text: told.append(text)
    )
    assert told == ["Resolving 2 packages", "Fetching the source of sums 1.0.0", "Building sums 1.0.0"]
    assert [pin.name for pin in locks.pins(lock.text)] == ["adding", "pydantic", "sums"]
    (build,) = locks.builds(lock.text)
    assert (build.source.name, build.source.version) == ("sums", "1.0.0")
    assert build.tools.startswith("tooling==1.0 \\\n    --hash=sha256:")
    assert await _seen(builders, python, lock) == "SEEN = '1.0'\n"
    assert not canary.exists()
    assert list((builders.cache_dir / "building").iterdir()) == []


async def test_it_is_built_with_the_same_tools_for_ever(
    workshop: Workshop, registry: Registry, builders: Installers, python: Interpreter
) -> None:
    registry.add_sdist("sums", "1.0.0", sdist("sums", "1.0.0", USING_TOOL, requires=("tooling",)))
    _add_tool(registry, "1.0")
    lock = await _locked(builders, python, "sums")
    _add_tool(registry, "2.0")
    for folder in ("wheels", "uv"):
        trees.remove(builders.cache_dir / folder)
    assert await _seen(builders, python, lock) == "SEEN = '1.0'\n"
    assert "tooling==2.0" not in lock.text


async def test_what_was_built_is_installed_while_the_registry_is_away(
    workshop: Workshop, registry: Registry, builders: Installers, python: Interpreter
) -> None:
    registry.add_sdist("sums", "1.0.0", sdist("sums", "1.0.0"))
    lock = await _locked(builders, python, "sums")
    await _seen(builders, python, lock)
    trees.remove(builders.cache_dir / "environments")
    registry.wheels.clear()
    assert await _seen(builders, python, lock) == "SEEN = 'built'\n"


async def test_another_source_than_the_locked_one_is_not_built(
    workshop: Workshop, registry: Registry, builders: Installers, python: Interpreter
) -> None:
    registry.add_sdist("sums", "1.0.0", sdist("sums", "1.0.0"))
    lock = await _locked(builders, python, "sums")
    registry.add_sdist("sums", "1.0.0", sdist("sums", "1.0.0", "return 'evil'"))
    for folder in ("wheels", "uv"):
        trees.remove(builders.cache_dir / folder)
    with pytest.raises(EnvironmentFailed, match=r"does not offer the source of sums 1\.0\.0"):
        await _seen(builders, python, lock)


async def test_a_wheel_is_preferred_to_a_newer_source(
    workshop: Workshop, registry: Registry, builders: Installers, python: Interpreter
) -> None:
    registry.add_wheel("sums", "1.0.0")
    registry.add_sdist("sums", "2.0.0", sdist("sums", "2.0.0"))
    lock = await _locked(builders, python, "sums")
    assert "sums==1.0.0" in lock.text
    assert locks.builds(lock.text) == []


async def test_sources_that_need_each_other_are_built_in_versions_that_fit(
    workshop: Workshop, registry: Registry, builders: Installers, python: Interpreter
) -> None:
    for version in ("1.0.0", "2.0.0"):
        registry.add_sdist("adding", version, sdist("adding", version))
    registry.add_sdist("sums", "1.0.0", sdist("sums", "1.0.0", needs=("adding<2",)))
    lock = await _locked(builders, python, "sums")
    assert {str(build.source) for build in locks.builds(lock.text)} == {"sums 1.0.0", "adding 1.0.0"}
    assert await _seen(builders, python, lock) == "SEEN = 'built'\n"


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (sdist("sums", "1.0.0", "raise ValueError('no compiler')"), "its build failed.*ValueError: no compiler"),
        (sdist("sums", "1.0.0", requires=("missing>1",)), r"\(missing>1\) cannot be had as wheels"),
        (sdist("sums", "1.0.0", requires=("tooling @ https://a.example/b.whl",)), "no plain requirement"),
        (sdist("sums", "1.0.0", needs=("adding @ https://a.example/b.whl",)), "no usable wheel"),
    ],
)
async def test_what_cannot_be_built_is_told_by_name(  # noqa: PLR0917  fixtures
    workshop: Workshop, registry: Registry, builders: Installers, python: Interpreter, archive: bytes, why: str
) -> None:
    registry.add_sdist("sums", "1.0.0", archive)
    with pytest.raises(
        PackagesUnresolvable, match=rf"Package 'sums' 1\.0\.0 has no wheel for this machine, and .*{why}"
    ) as caught:
        await _locked(builders, python, "sums")
    assert caught.value.details == {"package": "sums"}
    assert str(builders.cache_dir) not in caught.value.message


async def test_too_many_builds_are_refused(
    workshop: Workshop, registry: Registry, builders: Installers, python: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sourcing, "MAX_BUILDS", 1)
    for name in ("sums", "adding"):
        registry.add_sdist(name, "1.0.0", sdist(name, "1.0.0"))
    with pytest.raises(PackagesUnresolvable, match="More than 1 packages would have to be built"):
        await _locked(builders, python, "sums", "adding")


async def test_what_cannot_be_had_at_all_is_told_as_ever(
    registry: Registry, builders: Installers, python: Interpreter
) -> None:
    registry.add_sdist("sums", "1.0.0", sdist("sums", "1.0.0"))
    with pytest.raises(PackagesUnresolvable, match="'missing' does not exist"):
        await _locked(builders, python, "sums", "missing")


async def test_where_builds_are_not_allowed_nothing_is_built(
    workshop: Workshop, registry: Registry, builders: Installers, installers: Installers, python: Interpreter
) -> None:
    registry.add_sdist("sums", "1.0.0", sdist("sums", "1.0.0"))
    with pytest.raises(PackagesUnresolvable, match="building from source is not allowed"):
        await _locked(installers, python, "sums")
    lock = await _locked(builders, python, "sums")
    tree = installers.cache_dir / "building" / "tree"
    tree.mkdir(parents=True)
    with pytest.raises(EnvironmentFailed, match=r"'sums' of this version is built from source.*JINBA_ALLOW_BUILDS"):
        await building.build(lock, tree, installers, python, lambda _: None)
