"""Environments are built once, found by content, shared, verified, and removed only when nobody uses them."""

import asyncio
import gc
import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.sandbox.packages import building, trees
from jinba_mcp.sandbox.packages.environments import Environments
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter, Say
from jinba_mcp.sandbox.packages.leases import Hold
from tests.sandbox.packages.conftest import Locked
from tests.sandbox.packages.registries import Registry

PIN = "six=={version} \\\n    --hash=sha256:" + "0" * 64 + "\n"


def _lock(version: str = "1.0.0") -> Lock:
    return Lock(kind="python", packages=(Package(name="six"),), text=PIN.format(version=version))


class Builds:
    """In the place of `building.build`: makes one file, and counts."""

    def __init__(self) -> None:
        self.count = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.has_begun = asyncio.Event()
        self.error: EnvironmentFailed | None = None
        self.size_bytes = 100

    async def build(self, _: Lock, tree: Path, __: Installers, ___: Interpreter, say: Say) -> None:
        self.count += 1
        say("Begun")
        self.has_begun.set()
        (tree / "six.py").write_bytes(b"#" * self.size_bytes)
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        say("Ended")


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Builds:
    made = Builds()
    monkeypatch.setattr(building, "build", made.build)
    return made


@asynccontextmanager
async def _environments(cache_dir: Path, max_bytes: int = 10**9) -> AsyncIterator[Environments]:
    made = Environments(cache_dir, max_bytes=max_bytes)
    try:
        with anyio.fail_after(60):
            yield made
    finally:
        await made.close()


async def _ready(installers: Installers, lock: Lock) -> Path:
    return await Environments(installers.cache_dir, installers=installers).ready(lock)


def _descriptor_count() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _left(cache_dir: Path) -> list[str]:
    return [entry.name for entry in (cache_dir / "building").iterdir()]


async def test_a_lock_becomes_a_folder_to_import_from(
    registry: Registry, installers: Installers, python: Interpreter, locked: Locked
) -> None:
    registry.add_wheel("sums", "1.0.0", requires=("adding",))
    registry.add_wheel("adding", "1.5.0")
    lock = await locked("python", ("sums", None))
    path = await _ready(installers, lock)
    code = f"import sys; sys.path.append({str(path)!r}); import sums, adding; print(sums.VERSION, adding.VERSION)"
    ran = await anyio.run_process([str(python.path), "-I", "-S", "-c", code])
    assert ran.stdout.decode().split() == ["1.0.0", "1.5.0"]
    assert len(list(path.rglob("__pycache__/*.pyc"))) == 3
    assert _left(installers.cache_dir) == []


async def test_a_typescript_lock_becomes_a_folder_with_its_modules(
    registry: Registry, installers: Installers, locked: Locked
) -> None:
    registry.add_npm("@acme/sums", "1.0.0", dependencies={"adding": "*"})
    registry.add_npm("adding", "1.5.0")
    lock = await locked("typescript", ("@acme/sums", None))
    path = await _ready(installers, lock)
    modules = path / "node_modules"
    assert (modules / "@acme" / "sums" / "index.js").read_text() == "export const version = '1.0.0';"
    assert (modules / "zod" / "index.js").is_file()
    assert (path / "package.json").is_file()
    assert not (modules / "adding").exists()
    for link in (entry for entry in path.rglob("*") if entry.is_symlink()):
        assert link.resolve().is_relative_to(path.resolve())
        assert not link.readlink().is_absolute()


async def test_everything_is_readable_by_other_users_of_the_machine(
    registry: Registry, installers: Installers, locked: Locked
) -> None:
    registry.add_wheel("sums", "1.0.0", {"sums/__init__.py": "", "sums/x.sh": ""}, modes={"sums/x.sh": 0o104775})
    lock = await locked("python", ("sums", None))
    before = os.umask(0o077)
    try:
        path = await _ready(installers, lock)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(entry.lstat().st_mode) for entry in [path, path.parent, *path.rglob("*")]}
    assert modes <= {0o755, 0o644}


async def test_what_was_built_is_found_without_building(tmp_path: Path, builds: Builds) -> None:
    async with _environments(tmp_path) as first:
        path = await first.ready(_lock())
        assert await first.ready(_lock()) == path
    async with _environments(tmp_path) as second:
        assert await second.ready(_lock()) == path
    assert builds.count == 1


async def test_another_lock_python_or_machine_is_another_environment(tmp_path: Path) -> None:
    own = Interpreter.own()
    keys = {
        Environments(tmp_path, python=python).key(lock)
        for lock, python in [
            (_lock(), own),
            (_lock("2.0.0"), own),
            (Lock(kind="typescript", packages=(), text=_lock().text), own),
            (_lock(), Interpreter(own.path, "3.99", own.platform)),
            (_lock(), Interpreter(own.path, own.version, "other")),
        ]
    }
    assert len(keys) == 5
    asked_otherwise = Lock(kind="python", packages=(Package(name="six", version="1.0.0"),), text=_lock().text)
    assert Environments(tmp_path).key(asked_otherwise) in keys


async def test_many_who_ask_at_once_wait_for_one_build_and_all_hear_of_it(tmp_path: Path, builds: Builds) -> None:
    builds.may_end.clear()
    told: list[list[tuple[float, str | None]]] = [[], [], []]

    def reporter(number: int) -> Reporter:
        return lambda done, _, message: told[number].append((done, message))

    async with _environments(tmp_path) as made:
        waiting = [asyncio.create_task(made.ready(_lock(), reporter(number))) for number in range(3)]
        await builds.has_begun.wait()
        builds.may_end.set()
        paths = await asyncio.gather(*waiting)
    assert (builds.count, len(set(paths))) == (1, 1)
    assert all(lines[-1] == (2, "Ended") for lines in told)


async def test_one_who_gives_up_does_not_stop_the_others(tmp_path: Path, builds: Builds) -> None:
    builds.may_end.clear()
    async with _environments(tmp_path) as made:
        first, second = (asyncio.create_task(made.ready(_lock())) for _ in range(2))
        await builds.has_begun.wait()
        first.cancel()
        await asyncio.wait([first])
        builds.may_end.set()
        assert (await second).name == "python"
    assert (first.cancelled(), builds.count) == (True, 1)


async def test_a_failure_reaches_all_leaves_nothing_and_is_not_kept(tmp_path: Path, builds: Builds) -> None:
    builds.error = EnvironmentFailed("Not now.")
    async with _environments(tmp_path) as made:
        results = await asyncio.gather(*(made.ready(_lock()) for _ in range(2)), return_exceptions=True)
        assert [str(result) for result in results] == ["Not now.", "Not now."]
        assert (_left(tmp_path), list((tmp_path / "environments").iterdir())) == ([], [])
        builds.error = None
        assert (await made.ready(_lock())).is_dir()


async def test_closing_stops_builds_and_leaves_nothing(tmp_path: Path, builds: Builds) -> None:
    builds.may_end.clear()
    async with _environments(tmp_path) as made:
        waiting = asyncio.create_task(made.ready(_lock()))
        await builds.has_begun.wait()
        await made.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert _left(tmp_path) == []


def _do_damage(path: Path, damage: str) -> None:
    marker = path.parent / "complete.json"
    if damage == "file":
        (path / "six.py").unlink()
    elif damage == "cut":
        (path / "six.py").write_bytes(b"")
    elif damage == "marker":
        marker.unlink()
    elif damage == "garbage":
        marker.write_text("[]")
    else:
        trees.remove(path)


@pytest.mark.parametrize("damage", ["file", "cut", "marker", "garbage", "tree"])
async def test_what_is_not_whole_is_built_again(tmp_path: Path, builds: Builds, damage: str) -> None:
    async with _environments(tmp_path) as made:
        path = await made.ready(_lock())
    _do_damage(path, damage)
    async with _environments(tmp_path) as again:
        assert (await again.ready(_lock())) == path
        assert (path / "six.py").stat().st_size == builds.size_bytes
    assert builds.count == 2


async def test_what_vanished_while_the_server_ran_is_built_again(tmp_path: Path, builds: Builds) -> None:
    async with _environments(tmp_path) as made:
        path = await made.ready(_lock())
        trees.remove(path.parent)
        assert (await made.ready(_lock())).is_dir()
    assert builds.count == 2


async def test_what_was_used_longest_ago_goes_first(tmp_path: Path, builds: Builds) -> None:
    async with _environments(tmp_path, max_bytes=250) as made:
        used, old = await made.ready(_lock("1")), await made.ready(_lock("2"))
        os.utime(tmp_path / "locks" / made.key(_lock("1")), (1, 1))
        os.utime(tmp_path / "locks" / made.key(_lock("2")), (2, 2))
        await made.ready(_lock("1"))
        new = await made.ready(_lock("3"))
        assert (old.exists(), used.exists(), new.exists()) == (False, True, True)
        assert _left(tmp_path) == []
        await made.ready(_lock("2"))
    assert builds.count == 4


async def test_what_is_in_use_stays(tmp_path: Path, builds: Builds) -> None:
    async with _environments(tmp_path, max_bytes=150) as made, _environments(tmp_path, max_bytes=150) as other:
        lease = await made.lease(_lock("1"))
        second = await other.lease(_lock("1"))
        lease.close()
        await made.ready(_lock("2"))
        assert second.path.exists()
        second.close()
        await made.ready(_lock("3"))
        assert not second.path.exists()
    assert builds.count == 3


async def test_no_lease_holds_a_descriptor_after_it_was_closed(tmp_path: Path, builds: Builds) -> None:
    async with _environments(tmp_path) as made:
        (await made.lease(_lock())).close()
        gc.collect()
        before = _descriptor_count()
        for _ in range(20):
            (await made.lease(_lock())).close()
        assert _descriptor_count() == before
    assert builds.count == 1


async def test_folders_that_a_killed_server_left_are_swept(tmp_path: Path, builds: Builds) -> None:
    async with _environments(tmp_path) as made:
        for name in ("old", "young"):
            (tmp_path / "building" / name).mkdir()
        os.utime(tmp_path / "building" / "old", (1, 1))
        await made.ready(_lock())
    assert _left(tmp_path) == ["young"]
    assert builds.count == 1


@pytest.mark.slow
async def test_a_build_waits_for_another_process_and_takes_what_it_made(
    registry: Registry, installers: Installers, locked: Locked
) -> None:
    registry.add_wheel("sums", "1.0.0")
    lock = await locked("python", ("sums", None))
    script = textwrap.dedent(f"""
        import asyncio, pathlib, sys
        from jinba_mcp.domain.packages import Lock
        from jinba_mcp.sandbox.packages.environments import Environments
        from jinba_mcp.sandbox.packages.installers import Installers
        cache = pathlib.Path({str(installers.cache_dir)!r})
        lock = Lock.model_validate_json(sys.stdin.read())
        print(asyncio.run(Environments(cache, installers=Installers(cache, {registry.environ!r})).ready(lock)))
    """)
    command = [sys.executable, "-W", "error", "-c", script]
    async with anyio.create_task_group() as tasks:
        found: list[str] = []

        async def another() -> None:
            ran = await anyio.run_process(command, input=lock.model_dump_json().encode(), stderr=subprocess.STDOUT)
            found.append(ran.stdout.decode().strip())

        for _ in range(3):
            tasks.start_soon(another)
    path = await _ready(installers, lock)
    assert found == [str(path)] * 3
    assert sum("sums-1.0.0" in request for request in registry.requests) <= 2


@pytest.mark.slow
async def test_an_environment_is_made_again_from_its_lock_years_later(
    registry: Registry, installers: Installers, locked: Locked
) -> None:
    registry.add_wheel("sums", "1.0.0")
    lock = await locked("python", ("sums", None))
    registry.add_wheel("sums", "2.0.0")
    trees.remove(installers.cache_dir)
    path = await _ready(installers, lock)
    assert (path / "sums" / "__init__.py").read_text() == "VERSION = '1.0.0'\n"


@pytest.mark.slow
async def test_an_environment_is_made_again_from_downloads_while_the_registry_is_away(
    registry: Registry, installers: Installers, locked: Locked
) -> None:
    registry.add_wheel("sums", "1.0.0")
    lock = await locked("python", ("sums", None))
    path = await _ready(installers, lock)
    trees.remove(path.parent)
    registry.close()
    assert await _ready(installers, lock) == path


async def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, builds: Builds) -> None:
    async with _environments(tmp_path) as made:
        (tmp_path / "building").rmdir()
        (tmp_path / "building").touch()
        with pytest.raises(EnvironmentFailed, match="package cache of this server cannot be used"):
            await made.ready(_lock())
    assert builds.count == 0


async def test_what_was_built_is_given_even_if_old_things_cannot_be_removed(
    tmp_path: Path, builds: Builds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Installers, "shrink", fail)
    async with _environments(tmp_path) as made:
        assert (await made.ready(_lock())).is_dir()
    assert "old packages cannot be removed" in caplog.text
    assert builds.count == 1


async def test_while_another_process_builds_the_same_one_waits_and_says_so(tmp_path: Path, builds: Builds) -> None:
    async with _environments(tmp_path) as made:
        other = Hold.alone(tmp_path / "locks" / f"{made.key(_lock())}.building")
        assert other is not None
        told: list[str | None] = []

        def report(_: float, __: float | None, message: str | None) -> None:
            told.append(message)
            other.close()

        await made.ready(_lock(), report)
    assert told == ["Waiting for another process that installs the same packages", "Begun", "Ended"]
    assert builds.count == 1


async def test_a_cache_that_keeps_nothing_is_told(
    tmp_path: Path, builds: Builds, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _environments(tmp_path) as made:
        monkeypatch.setattr(made, "_shrink", lambda _: trees.remove(tmp_path / "environments" / made.key(_lock())))
        with pytest.raises(EnvironmentFailed, match="no room to keep the packages"):
            await made.ready(_lock())
    assert builds.count == 3
