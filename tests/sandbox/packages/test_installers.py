"""Installers are started with nothing of the server's environment but registries and proxies, and within bounds."""

import os
import sys
from pathlib import Path

import anyio
import pytest

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.domain.packages import MAX_LOCK_BYTES
from jinba_mcp.sandbox.packages import installers as module
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter, Said
from jinba_mcp.sandbox.packages.leases import Hold

SERVERS = {
    "JINBA_SECRET_KEY": "canary",
    "JINBA_DATABASE_URL": "postgresql://canary",
    "DATABASE_URL": "canary",
    "AWS_SECRET_ACCESS_KEY": "canary",
    "PYTHONPATH": "/canary",
    "PYTHONSTARTUP": "/canary",
    "LD_PRELOAD": "/canary.so",
    "NODE_OPTIONS": "--require /canary",
    "UV_LINK_MODE": "canary",
    "UV_CACHE_DIR": "/canary",
    "HOME": "/canary",
    "VIRTUAL_ENV": "/canary",
    "UV_PYTHON": "/canary",
    "UV_INDEX_PASSWORDS": "canary",
}
OPERATORS = {
    "https_proxy": "http://proxy.example",
    "NO_PROXY": "localhost",
    "SSL_CERT_FILE": "/etc/own.pem",
    "UV_DEFAULT_INDEX": "https://index.example/simple",
    "UV_INDEX_ACME_USERNAME": "reader",
    "UV_INDEX_ACME_PASSWORD": "word",
    "UV_EXCLUDE_NEWER": "2026-01-01",
    "NPM_CONFIG_REGISTRY": "https://npm.example",
}


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shell script in the place of uv; what it writes is what the test wrote into it."""
    path = tmp_path / "uv"
    path.touch(mode=0o755)
    monkeypatch.setattr(module, "find_uv_bin", lambda: str(path))
    return path


def _write(script: Path, body: str) -> None:
    script.write_text(f"#!/bin/sh\n{body}\n")


async def _run(script: Path, body: str, timeout_s: float = 60) -> Said:
    _write(script, body)
    return await Installers(script.parent / "cache", SERVERS | OPERATORS).uv(["install"], script.parent, timeout_s)


async def test_only_registries_and_proxies_are_passed_on(script: Path) -> None:
    said = await _run(script, "env")
    passed = dict(line.split("=", 1) for line in said.output.splitlines())
    assert {name: passed.get(name) for name in OPERATORS} == OPERATORS
    assert "canary" not in said.output
    home = str(script.parent / "cache" / "home")
    assert (passed["HOME"], passed["UV_NO_CONFIG"]) == (home, "1")


async def test_a_configuration_file_is_read_only_when_the_operator_names_one(script: Path) -> None:
    _write(script, "env")
    named = Installers(script.parent / "cache", {"UV_CONFIG_FILE": "/etc/uv.toml"})
    said = await named.uv([], script.parent, 10)
    assert "UV_CONFIG_FILE=/etc/uv.toml" in said.output
    assert "UV_NO_CONFIG" not in said.output


async def test_it_ends_with_code_output_and_errors(script: Path) -> None:
    assert await _run(script, 'echo "$1"; echo problem >&2; exit 3') == Said(3, "install\n", "problem\n")


async def test_a_flood_is_cut(script: Path) -> None:
    said = await _run(script, "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2")
    assert (len(said.output), len(said.errors)) == (MAX_LOCK_BYTES + 1, module.MAX_ERROR_BYTES)


async def test_lines_are_told_as_they_come_and_are_cut(script: Path) -> None:
    _write(script, "echo one >&2; head -c 5000 /dev/zero | tr '\\0' x >&2; echo >&2; echo ' two ' >&2")
    lines: list[str] = []
    await Installers(script.parent / "cache", {}).uv([], script.parent, 10, lines.append)
    assert [line for line in lines if len(line) < 1_000] == ["one", "two"]
    assert len(max(lines, key=len)) == 1_000


async def _too_long(script: Path, body: str, last: str) -> None:
    """Run what does not end in time, with so much time that it gets as far as to write a file of this name."""
    for timeout_s in (0.5, 4, 32):
        with pytest.raises(EnvironmentFailed, match=f"longer than {timeout_s:g} seconds"):
            await _run(script, body, timeout_s)
        if (script.parent / "cache" / "home" / last).exists():
            return


async def test_what_takes_too_long_is_killed_with_all_its_children(script: Path) -> None:
    await _too_long(
        script, "sleep 600 & echo $! > $HOME/child; echo $$ > $HOME/made; mv $HOME/made $HOME/self; wait", "self"
    )
    with anyio.fail_after(60):
        for name in ("child", "self"):
            await _gone(int((script.parent / "cache" / "home" / name).read_text()))


async def test_a_child_that_outlives_it_is_killed_too(script: Path) -> None:
    await _too_long(script, "sleep 600 & echo $! > $HOME/made; mv $HOME/made $HOME/child", "child")
    with anyio.fail_after(60):
        await _gone(int((script.parent / "cache" / "home" / "child").read_text()))


async def test_cancelling_kills_it(script: Path) -> None:
    pidfile = script.parent / "cache" / "home" / "self"
    with anyio.move_on_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_run, script, "echo $$ > $HOME/self; exec sleep 600", 600)
            while not pidfile.exists() or not pidfile.read_text():  # noqa: ASYNC110  the process sets no event
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
    with anyio.fail_after(60):
        await _gone(int(pidfile.read_text()))


async def _gone(pid: int) -> None:
    while _is_running(pid):  # noqa: ASYNC110  the process is nobody's child to wait for
        await anyio.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def test_filling_the_disk_ends_it(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([10_000_000_000, 9_000_000_000, 1_000_000_000])
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Usage(next(free)))
    with pytest.raises(EnvironmentFailed, match="more than 4096 MB on disk"):
        await _run(script, "exec sleep 600")


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


@pytest.mark.skipif(sys.platform != "linux", reason="started politely by what confines it, which is for Linux")
async def test_calls_go_first(script: Path) -> None:
    assert int((await _run(script, "nice")).output) == min(os.nice(0) + 5, 19)


async def test_only_a_few_run_at_once(script: Path) -> None:
    _write(script, "exec sleep 600")
    installers = Installers(script.parent / "cache", {})
    async with anyio.create_task_group() as tasks:
        for _ in range(module.MAX_AT_ONCE + 1):
            tasks.start_soon(installers.uv, [], script.parent, 600)
        with anyio.fail_after(60):
            while installers.room.statistics().tasks_waiting == 0:  # noqa: ASYNC110  no event tells who waits
                await anyio.sleep(0.01)
        with pytest.raises(EnvironmentFailed, match="longer than"):
            await installers.uv([], script.parent, 0.01)
        tasks.cancel_scope.cancel()
    assert installers.room.borrowed_tokens == 0


@pytest.mark.usefixtures("landlock")
async def test_it_can_write_into_the_cache_only(script: Path) -> None:
    said = await _run(script, 'touch "$HOME/mine" && touch ../evil || echo refused; echo > /dev/null && echo done')
    assert said.output == "refused\ndone\n"
    assert sorted(path.name for path in script.parent.rglob("*") if path.name in ("mine", "evil")) == ["mine"]


async def test_an_installer_that_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(module, "find_uv_bin", missing)
    with pytest.raises(EnvironmentFailed, match="reinstall jinba-mcp"):
        await Installers(tmp_path, {}).uv([], tmp_path, 1)


@pytest.fixture
def downloads(tmp_path: Path) -> Installers:
    started = Installers(tmp_path, {})
    for name in ("uv", "deno"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "archive").write_bytes(b"x" * 600)
    return started


def test_downloads_are_kept_within_a_size(downloads: Installers) -> None:
    downloads.shrink(1_200)
    assert (downloads.cache_dir / "uv" / "archive").exists()
    downloads.shrink(1_199)
    left = sorted(path.name for path in downloads.cache_dir.rglob("*"))
    assert left == ["building", "installing.lock"]


def test_downloads_stay_while_an_installer_is_at_work(downloads: Installers) -> None:
    hold = Hold.shared(downloads.cache_dir / "installing.lock")
    assert hold is not None
    with hold:
        downloads.shrink(0)
    assert (downloads.cache_dir / "uv" / "archive").exists()


def test_the_interpreter_is_the_one_outside_the_virtual_environment() -> None:
    own = Interpreter.own()
    assert own.path.is_file()
    assert own.version in own.platform.replace("cpython-3", "3.") or own.platform
