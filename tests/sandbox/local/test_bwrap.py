"""Bubblewrap as the maker of walls: real processes, through the engine."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.engine import Bundle, Limits, Outcome, OutcomeStatus, Program, Setup
from jinba_mcp.sandbox.guest.namespaces import USER_ID
from jinba_mcp.sandbox.local import bwrap
from jinba_mcp.sandbox.local.bwrap import Bwrap
from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.local.zygotes import Blueprint, Nursery

pytestmark = pytest.mark.slow

Running = Callable[[], AbstractAsyncContextManager[LocalEngine]]


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="jinba-test-cache-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def nurseries() -> list[Bwrap]:
    """Those that the engine of this test started."""
    return []


@pytest.fixture
def running(cache: Path, nurseries: list[Bwrap]) -> Running:
    if shutil.which("bwrap") is None:
        if os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") == "1":
            pytest.fail("JINBA_TEST_REQUIRE_SANDBOX is set, and bubblewrap is not installed")
        pytest.skip("bubblewrap is not installed")

    async def start(blueprint: Blueprint, on_death: Callable[[Nursery], None]) -> Bwrap:
        nurseries.append(await bwrap.start(blueprint, on_death))
        return nurseries[-1]

    @asynccontextmanager
    async def make() -> AsyncIterator[LocalEngine]:
        engine = LocalEngine(cache, tier=Tier.BWRAP, start=start)
        try:
            with anyio.fail_after(60):
                yield engine
        finally:
            await engine.close()

    return make


def setup(code: str, *, digest: str = "sha256:1", **limits: float) -> Setup:
    bundle = Bundle(digest=digest, toolset="wrapped-tools", language="python")
    program = Program(bundle=bundle, tool="wrapped", entrypoint="run", code=code)
    return Setup(program, Limits.model_validate(limits))


def error_of(outcome: Outcome) -> str:
    assert outcome.error is not None, outcome
    return outcome.error.name


async def test_a_tool_runs_and_what_it_prints_is_kept(running: Running) -> None:
    async with running() as engine:
        code = "def run(a: int, b: int) -> int:\n    print('adding')\n    return a + b\n"
        outcome = await engine.run(setup(code), {"a": 1, "b": 2})
    assert (outcome.status, outcome.output) == (OutcomeStatus.SUCCESS, 3)
    assert outcome.logs.stdout == ("adding",)
    assert outcome.isolation is not None
    assert outcome.isolation.tier == "bwrap"


async def test_a_tool_is_nobody_and_sees_only_what_was_shown(running: Running) -> None:
    code = """
    import os

    def run() -> list:
        here = [sorted(os.listdir("/")), sorted(os.listdir("/dev")), os.listdir("/tmp"), os.getcwd()]
        return [os.getuid(), os.getpid(), os.uname().nodename, *here]
    """
    async with running() as engine:
        outcome = await engine.run(setup(_dedented(code)), {})
    assert isinstance(outcome.output, list)
    user, pid, name, top, devices, tmp, folder = outcome.output
    assert (user, pid, name, tmp, folder) == (USER_ID, 1, "sandbox", [], "/tmp")  # noqa: S108  its own
    assert devices == ["full", "null", "random", "urandom", "zero"]
    assert isinstance(top, list)
    assert {"home", "root", "proc", "sys", "var", "run"} & set(top) <= {Path(os.sep, *Path.home().parts[1:2]).name}


async def test_tmp_takes_so_much_and_no_more(running: Running) -> None:
    code = """
    def run(size: int) -> int:
        for number in range(size):
            with open(f"/tmp/{number}", "wb") as file:
                file.write(bytes(1024 * 1024))
        return size
    """
    async with running() as engine:
        small = setup(_dedented(code), tmp_bytes=4 * 1024 * 1024)
        assert (await engine.run(small, {"size": 2})).output == 2
        assert error_of(await engine.run(small, {"size": 6})) == "TmpLimit"


async def test_time_that_is_up_ends_the_process(running: Running, nurseries: list[Bwrap]) -> None:
    async with running() as engine:
        outcome = await engine.run(setup("def run() -> None:\n    while True: pass\n", timeout_s=2), {})
        assert outcome.status is OutcomeStatus.TIMEOUT
    assert [nursery._processes for nursery in nurseries] == [{}] * len(nurseries)


@pytest.mark.slow  # a second of processor time
async def test_how_a_process_ended_is_told(running: Running) -> None:
    async with running() as engine:
        died = await engine.run(setup("import os\ndef run() -> None:\n    os._exit(3)\n"), {})
        spun = await engine.run(setup("def run() -> None:\n    while True: pass\n", cpu_s=1), {})
    assert (error_of(died), error_of(spun)) == ("WorkerDied", "CpuLimit")


async def test_killing_all_of_it_costs_only_the_runs_in_it(running: Running, nurseries: list[Bwrap]) -> None:
    code = """
    import time
    from jinba_mcp.authoring import progress

    def run() -> None:
        progress(1)
        time.sleep(60)
    """
    is_running = asyncio.Event()
    async with running() as engine:
        waits = setup(_dedented(code), timeout_s=60)
        lost = asyncio.ensure_future(engine.run(waits, {}, lambda *_progress: is_running.set()))
        await is_running.wait()
        for nursery in nurseries:
            nursery.kill()
        assert error_of(await lost) == "WorkerDied"
        assert (await engine.run(setup("def run() -> int:\n    return 2\n"), {})).output == 2


async def test_a_discarded_version_leaves_no_process(running: Running, nurseries: list[Bwrap]) -> None:
    async with running() as engine:
        await engine.run(setup("def run() -> int:\n    return 1\n", digest="sha256:2"), {})
        await engine.discard("sha256:2")
        while any(nursery._processes for nursery in nurseries):  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.001)
    assert nurseries


async def test_why_bubblewrap_refuses_is_said(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    async with running() as engine:
        with pytest.raises(SandboxUnavailable, match="setting up uid map: Permission denied"):
            await engine.run(setup("def run() -> int:\n    return 1\n"), {})


async def test_without_the_program_there_is_no_nursery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailable, match="install the package bubblewrap"):
        await bwrap.start(_blueprint({}), lambda _nursery: None)


async def test_a_nursery_that_was_ended_takes_no_orders() -> None:
    ended: list[Nursery] = []
    nursery = Bwrap(_blueprint({}), "bwrap", ended.append)
    nursery.died()
    nursery.died()
    with pytest.raises(OSError, match="it has been ended"):
        nursery.order(b"{}", [], lambda _ended: None)
    assert ended == [nursery]


def test_links_stay_links_and_only_programs_have_a_proc(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    shown = {"/link": str(tmp_path / "link"), "/folder": str(tmp_path / "folder")}
    arguments = " ".join(bwrap.walls(_blueprint(shown), 1024))
    assert f"--ro-bind {tmp_path}/folder /folder --symlink folder /link" in arguments
    assert "--size 1024 --tmpfs /tmp" in arguments
    assert "--proc" not in arguments
    assert "--proc /proc" in " ".join(bwrap.walls(_blueprint({}, is_python=False), 1))


def _blueprint(shown: dict[str, str], *, is_python: bool = True) -> Blueprint:
    return Blueprint(
        tier=Tier.BWRAP,
        python="python",
        base=Path("/base"),
        root=Path("/root"),
        shown=shown,
        readable=[],
        writable=[],
        guest="/guest",
        paths=[],
        zygote_filter=b"",
        worker_filter=b"",
        is_python=is_python,
    )


def _dedented(code: str) -> str:
    return "\n".join(line[4:] for line in code.splitlines())
