"""Lists become locks; what cannot be had is said by name."""

import json

import pytest

from jinba_mcp.domain.errors import EnvironmentFailed, PackagesUnresolvable
from jinba_mcp.domain.packages import Package
from jinba_mcp.domain.tools import Language
from jinba_mcp.sandbox.packages import locks
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter
from jinba_mcp.sandbox.packages.resolving import resolve
from tests.sandbox.packages.conftest import Locked
from tests.sandbox.packages.registries import Registry

CLOSED = {
    "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
    "UV_HTTP_RETRIES": "0",
    "NPM_CONFIG_REGISTRY": "http://127.0.0.1:9",
}


def _package(name: str, version: str | None = None) -> Package:
    return Package(name=name, version=version)


async def test_a_python_list_is_locked_with_hashes_and_what_it_needs(
    registry: Registry, installers: Installers, python: Interpreter
) -> None:
    registry.add_wheel("sums", "1.0.0", requires=("adding>=1",))
    registry.add_wheel("sums", "2.0.0", requires=("adding>=1",))
    registry.add_wheel("adding", "1.5.0")
    asked = (_package("sums", "<2"),)
    lock = await resolve("python", asked, installers=installers, python=python)
    pins = [line.split(" ")[0] for line in lock.text.splitlines() if "==" in line]
    assert pins == ["adding==1.5.0", "pydantic==2.99.0", "sums==1.0.0"]
    assert lock.text.count("--hash=sha256:") == 3
    assert (lock.kind, lock.packages) == ("python", asked)


async def test_a_number_is_exactly_that_version(registry: Registry, locked: Locked) -> None:
    registry.add_wheel("sums", "1.0.0")
    registry.add_wheel("sums", "1.0.1")
    lock = await locked("python", ("sums", "1.0.0"))
    assert "sums==1.0.0" in lock.text


async def test_no_lock_names_a_host(registry: Registry, locked: Locked) -> None:
    registry.add_wheel("sums", "1.0.0")
    registry.add_npm("sums", "1.0.0")
    for language in ("python", "typescript"):
        lock = await locked(language, ("sums", None))
        assert "127.0.0.1" not in lock.text
        assert "://" not in lock.text
        assert "/tmp" not in lock.text  # noqa: S108  it looks for it, and makes nothing there


async def test_packages_that_only_fit_together_on_this_machine_are_locked_for_it(
    registry: Registry, locked: Locked
) -> None:
    registry.add_wheel("sums", "1.0.0", requires=("never-published; sys_platform == 'win32'",))
    lock = await locked("python", ("sums", None))
    assert "sums==1.0.0" in lock.text


async def test_an_npm_list_is_locked_with_hashes_and_what_it_needs(registry: Registry, locked: Locked) -> None:
    registry.add_npm("@acme/sums", "1.0.0", dependencies={"adding": "^1.0.0"})
    registry.add_npm("@acme/sums", "2.0.0", dependencies={"adding": "^1.0.0"})
    registry.add_npm("adding", "1.5.0")
    lock = await locked("typescript", ("@acme/sums", "^1"))
    assert set(json.loads(lock.text)["npm"]) == {"@acme/sums@1.0.0", "adding@1.5.0", "zod@4.99.0"}
    assert locks.asked(lock) == {"@acme/sums": "1", "zod": "^4.2.0"}


async def test_what_tools_describe_themselves_with_is_there_for_an_empty_list(locked: Locked) -> None:
    assert "pydantic==" in (await locked("python")).text
    assert "zod@" in (await locked("typescript")).text


async def test_the_stage_is_reported_with_what_tools_describe_themselves_with(
    installers: Installers, python: Interpreter
) -> None:
    told: list[str | None] = []
    asked: list[tuple[Language, tuple[Package, ...]]] = [
        ("python", ()),
        ("typescript", ()),
        ("python", (Package(name="Pydantic"),)),
    ]
    for language, packages in asked:
        await resolve(
            language, packages, installers=installers, python=python, report=lambda _, __, said: told.append(said)
        )
    assert told == ["Resolving pydantic", "Resolving zod", "Resolving pydantic"]


@pytest.mark.parametrize(
    ("asked", "name", "why"),
    [
        ([("nothing-there", None)], "nothing-there", "'nothing-there' does not exist in the package index"),
        ([("sums", "9.9")], "sums", "no version of sums==9.9"),
        ([("sums", ">9")], "sums", "'sums' has no version that fits"),
        ([("source-only", None)], "source-only", "'source-only' has no wheel"),
        ([("sums", "1.0.0"), ("adding", "2.0.0")], "sums", "this ToolSet requires adding==2.0.0"),
        ([("orphan", None)], "lost-parent", "'lost-parent', which another one needs, does not exist"),
        ([("pydantic", "1.10.0")], "pydantic", "pydantic>=2.12,<3"),
    ],
)
async def test_python_packages_that_cannot_be_had_are_named(
    registry: Registry, locked: Locked, asked: list[tuple[str, str | None]], name: str, why: str
) -> None:
    registry.add_wheel("sums", "1.0.0", requires=("adding<2",))
    registry.add_wheel("adding", "1.0.0")
    registry.add_wheel("adding", "2.0.0")
    registry.add_wheel("orphan", "1.0.0", requires=("lost-parent",))
    registry.add_sdist("source-only", "1.0.0")
    registry.add_wheel("pydantic", "1.10.0")
    with pytest.raises(PackagesUnresolvable) as refusal:
        await locked("python", *asked)
    assert why in refusal.value.message
    assert refusal.value.details == {"package": name}
    assert registry.url not in refusal.value.message


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ([("nothing-there", None)], "Package 'nothing-there' does not exist in the npm registry"),
        ([("sums", "9.9.9")], "Package 'sums' has no version that fits"),
        ([("sums", ">=9")], "Package 'sums' has no version that fits"),
    ],
)
async def test_npm_packages_that_cannot_be_had_are_named(
    registry: Registry, locked: Locked, asked: list[tuple[str, str | None]], why: str
) -> None:
    registry.add_npm("sums", "1.0.0")
    with pytest.raises(PackagesUnresolvable) as refusal:
        await locked("typescript", *asked)
    assert why in refusal.value.message
    assert refusal.value.details == {"package": asked[0][0]}


@pytest.mark.parametrize("language", ["python", "typescript"])
async def test_a_registry_that_is_away_is_not_the_fault_of_the_list(
    installers: Installers, python: Interpreter, language: str
) -> None:
    away = Installers(installers.cache_dir, CLOSED)
    with pytest.raises(EnvironmentFailed, match="registry cannot be reached") as failure:
        await resolve(language, (_package("sums"),), installers=away, python=python)  # type: ignore[arg-type]  # a row
    assert "127.0.0.1" not in failure.value.message


async def test_nothing_is_left_of_a_resolution(registry: Registry, installers: Installers, locked: Locked) -> None:
    registry.add_wheel("sums", "1.0.0")
    await locked("python", ("sums", None))
    with pytest.raises(PackagesUnresolvable):
        await locked("python", ("nothing-there", None))
    assert list((installers.cache_dir / "resolving").iterdir()) == []


async def test_a_cache_that_cannot_be_written_is_told(installers: Installers, locked: Locked) -> None:
    installers.cache_dir.mkdir()
    (installers.cache_dir / "resolving").touch()
    with pytest.raises(EnvironmentFailed, match="package cache of this server cannot be used"):
        await locked("python")


async def test_a_lock_has_an_end(locked: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jinba_mcp.sandbox.packages.resolving.MAX_LOCK_BYTES", 10)
    with pytest.raises(PackagesUnresolvable, match="bring so many others"):
        await locked("python")


async def test_a_dependency_of_an_impossible_name_is_refused(registry: Registry, locked: Locked) -> None:
    registry.add_npm("sums", "1.0.0", dependencies={"../up": "1.0.0"})
    registry.add_npm("../up", "1.0.0")
    with pytest.raises(PackagesUnresolvable, match="names or hashes cannot be used"):
        await locked("typescript", ("sums", None))
