"""The engine over machines that are folders of this machine: limits, faults, packages, places."""

import asyncio
import hashlib
import zipfile
from pathlib import Path

import pytest

from jinba_mcp.domain.env import Env
from jinba_mcp.domain.errors import EnvironmentFailed, LimitExceeded, SandboxUnavailable, ShuttingDown, ToolCodeInvalid
from jinba_mcp.domain.packages import Lock
from jinba_mcp.sandbox.engine import OutcomeStatus
from jinba_mcp.sandbox.packages import locks
from jinba_mcp.sandbox.remote import engine as engine_module
from jinba_mcp.sandbox.remote.provider import MachineGone, ProviderFailed
from tests.sandbox.remote.conftest import MakeEngine, setup_of
from tests.sandbox.remote.machines import FolderProvider, until

pytestmark = pytest.mark.slow

ADD = "def run(a: int, b: int) -> dict:\n    return {'sum': a + b}"


@pytest.fixture
def provider(tmp_path: Path) -> FolderProvider:
    return FolderProvider(tmp_path / "root")


async def test_a_call_gives_output_logs_and_progress(provider: FolderProvider, make_engine: MakeEngine) -> None:
    code = """
import os, sys
from jinba_mcp.authoring import progress
def run(name: str) -> dict:
    print("to out")
    print("to err", file=sys.stderr)
    progress(1, 2, "half")
    return {"name": name, "token": os.environ["TOKEN"], "keys": sorted(os.environ)}
"""
    seen: list[tuple[float, float | None, str | None]] = []
    setup = setup_of(code, env=Env({"TOKEN": "t"}))
    outcome = await make_engine(provider).run(setup, {"name": "Æsa"}, lambda *said: seen.append(said))
    keys = ["HOME", "LANG", "PATH", "TMPDIR", "TOKEN"]
    assert outcome.output == {"name": "Æsa", "token": "t", "keys": keys}
    assert outcome.logs.stdout == ("to out",)
    assert outcome.logs.stderr == ("to err",)
    assert seen == [(1, 2, "half")]


@pytest.mark.parametrize(
    ("code", "limits", "name"),
    [
        ("def run():\n    while True: pass", {"timeout_s": 0.5}, "Timeout"),
        ("def run():\n    while True: pass", {"cpu_s": 0.5}, "CpuLimit"),
        ("def run():\n    return 'x' * 10**9", {}, "MemoryLimit"),
        ("def run():\n    open('big', 'wb').write(b'x' * 2**21)", {"tmp_bytes": 2**20}, "TmpLimit"),
        ("def run():\n    return 'x' * 2**17", {"output_bytes": 2**16}, "OutputLimit"),
        ("import os\ndef run():\n    os._exit(3)", {}, "WorkerDied"),
        ("import os\ndef run():\n    os.kill(os.getppid(), 9)", {}, "WorkerDied"),
        ("def run():\n    raise KeyError('no')", {}, "KeyError"),
        ("def run(:", {}, "ToolCodeInvalid"),
    ],
)
async def test_what_ends_a_run_is_told_by_name(
    provider: FolderProvider, make_engine: MakeEngine, code: str, limits: dict[str, float], name: str
) -> None:
    outcome = await make_engine(provider).run(setup_of(code, **limits), {})
    assert outcome.error is not None
    assert outcome.error.name == name
    assert outcome.status is (OutcomeStatus.TIMEOUT if name == "Timeout" else OutcomeStatus.FAILED)


async def test_code_is_described_and_its_faults_have_a_place(provider: FolderProvider, make_engine: MakeEngine) -> None:
    engine = make_engine(provider)
    setup = setup_of(ADD)
    signature = await engine.describe(setup.program, setup.limits)
    assert list(signature.input_schema["properties"]) == ["a", "b"]  # type: ignore[arg-type]  # it is an object
    broken = setup_of("x = 1\ndef run(:")
    with pytest.raises(ToolCodeInvalid, match="line 2") as caught:
        await engine.describe(broken.program, broken.limits)
    assert caught.value.details["line"] == 2


async def test_packages_are_installed_by_hash_and_nothing_else_is(
    provider: FolderProvider, make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = _wheel(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    code = "import tiny_h7\ndef run() -> str:\n    return tiny_h7.WORD"
    lock = Lock(kind="python", packages=(), text=f"tiny-h7==1.0 \\\n    --hash=sha256:{digest}\n")
    assert (await make_engine(provider).run(setup_of(code, lock=lock), {})).output == "packaged"
    wrong = Lock(kind="python", packages=(), text=f"tiny-h7==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    with pytest.raises(EnvironmentFailed, match="could not install the packages"):
        await make_engine(provider).prepare(setup_of(code, lock=wrong, digest="d2").program.bundle)


async def test_without_packages_of_its_own_a_toolset_gets_the_base(
    provider: FolderProvider, make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = _wheel(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    base = Lock(kind="python", packages=(), text=f"tiny-h7==1.0 \\\n    --hash=sha256:{digest}\n")
    code = "import tiny_h7\ndef run() -> str:\n    return tiny_h7.WORD"
    assert (await make_engine(provider, base_lock=base).run(setup_of(code), {})).output == "packaged"


async def test_what_cannot_be_done_is_refused_with_a_way_out(provider: FolderProvider, make_engine: MakeEngine) -> None:
    engine = make_engine(provider)
    for given, words in (
        ({"language": "typescript"}, "provider to local for typescript"),
        ({"mode": "reuse"}, "mode to one_shot"),
        ({"network": "on"}, "no network here"),
    ):
        with pytest.raises(SandboxUnavailable, match=words):
            await engine.prepare(setup_of(ADD, **given).program.bundle)
    provider.problem = "the key is wrong"
    other = make_engine(provider)
    with pytest.raises(SandboxUnavailable, match="the key is wrong"):
        await other.run(setup_of(ADD), {"a": 1, "b": 2})


async def test_a_problem_is_looked_at_again_and_good_news_is_kept(
    provider: FolderProvider, make_engine: MakeEngine
) -> None:
    engine = make_engine(provider)
    provider.problem = "down"
    assert (await engine.capabilities()).problem == "down"
    provider.problem = None
    for _ in range(2):
        assert (await engine.capabilities()).problem is None
    assert provider.checked_count == 2


async def test_a_provider_that_does_not_answer_is_asked_in_the_background(
    provider: FolderProvider, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "CHECK_WAIT_S", 0.01)
    provider.answering.clear()
    engine = make_engine(provider)

    looks = [(await engine.capabilities()).problem for _ in range(2)]
    run = asyncio.ensure_future(engine.run(setup_of(ADD), {"a": 1, "b": 2}))
    await asyncio.sleep(0)
    provider.answering.set()

    assert looks == ["The e2b sandbox has not answered yet. Look again in a moment."] * 2
    assert (await run).output == {"sum": 3}
    assert (await engine.capabilities()).problem is None
    assert provider.checked_count == 1


async def test_a_provider_that_never_answers_is_given_up(
    provider: FolderProvider, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "CHECK_TIMEOUT_S", 0.01)
    provider.answering.clear()

    with pytest.raises(SandboxUnavailable, match=r"has not answered yet|did not answer in 0\.01 s"):
        await make_engine(provider).run(setup_of(ADD), {"a": 1, "b": 2})
    assert "did not answer in 0.01 s" in str((await make_engine(provider).capabilities()).problem)


async def test_packages_that_must_be_built_are_refused_by_name(
    provider: FolderProvider, make_engine: MakeEngine
) -> None:
    digest = "1" * 64
    pinned = f"six==1.17.0 \\\n    --hash=sha256:{digest}\n"
    text = locks.with_builds(pinned, [locks.Build(locks.Source("six", "1.17.0", digest), "")])
    setup = setup_of(ADD, lock=Lock(kind="python", packages=(), text=text))

    with pytest.raises(SandboxUnavailable, match="wheels only, and six would have to be built") as refused:
        await make_engine(provider).prepare(setup.program.bundle)
    assert "sandbox.provider to local" in refused.value.message
    assert not provider.machines


async def test_leftovers_that_cannot_be_listed_stop_nothing(provider: FolderProvider, make_engine: MakeEngine) -> None:
    provider.left_count = -1
    assert (await make_engine(provider).capabilities()).problem is None


async def test_no_machine_is_made_before_the_leftovers_are_gone(
    provider: FolderProvider, make_engine: MakeEngine
) -> None:
    engine = make_engine(provider)
    provider.sweeping.clear()
    runs = [asyncio.create_task(engine.run(setup_of(ADD), {"a": 1, "b": 2}))]
    await until(lambda: "sweep" in provider.events)
    runs.append(asyncio.create_task(engine.run(setup_of(ADD), {"a": 1, "b": 2})))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert "prepare" not in provider.events
    assert "create" not in provider.events
    provider.sweeping.set()
    assert [(await run).output for run in runs] == [{"sum": 3}] * 2


async def test_a_lost_machine_is_replaced_once(provider: FolderProvider, make_engine: MakeEngine) -> None:
    engine = make_engine(provider)
    await engine.run(setup_of(ADD), {"a": 1, "b": 2})
    provider.machines[0].is_gone = True
    assert (await engine.run(setup_of(ADD), {"a": 1, "b": 2})).output == {"sum": 3}
    provider.failures = [MachineGone()]
    provider.machines[1].is_gone = True
    with pytest.raises(SandboxUnavailable, match="lost a machine"):
        await engine.run(setup_of(ADD), {"a": 1, "b": 2})


async def test_a_provider_that_fails_is_out_of_reach(provider: FolderProvider, make_engine: MakeEngine) -> None:
    provider.failures = [ProviderFailed("it said 500")]
    with pytest.raises(SandboxUnavailable, match="out of reach: it said 500"):
        await make_engine(provider).run(setup_of(ADD), {"a": 1, "b": 2})


async def test_a_run_without_a_place_is_turned_away(provider: FolderProvider, make_engine: MakeEngine) -> None:
    engine = make_engine(provider, max_runs=1, queue_timeout_s=0.01)
    provider.gate.clear()
    first = asyncio.create_task(engine.run(setup_of(ADD), {"a": 1, "b": 2}))
    await until(lambda: "create" in provider.events)
    with pytest.raises(LimitExceeded, match="All 1 places"):
        await engine.run(setup_of(ADD), {"a": 1, "b": 2})
    provider.gate.set()
    assert (await first).output == {"sum": 3}


async def test_a_cancelled_run_ends_its_process(
    provider: FolderProvider, make_engine: MakeEngine, tmp_path: Path
) -> None:
    code = f"import time\nfrom pathlib import Path\ndef run():\n    Path('{tmp_path}/in').touch()\n    time.sleep(600)"
    task = asyncio.create_task(make_engine(provider).run(setup_of(code), {}))
    await until((tmp_path / "in").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: "ended" in provider.events)


async def test_nothing_runs_after_closing_and_no_machine_is_left(
    provider: FolderProvider, make_engine: MakeEngine
) -> None:
    engine = make_engine(provider)
    await engine.run(setup_of(ADD), {"a": 1, "b": 2})
    await engine.close()
    assert {"delete", "close"} < set(provider.events)
    with pytest.raises(ShuttingDown):
        await engine.run(setup_of(ADD), {"a": 1, "b": 2})


async def test_discarding_deletes_the_machines_of_a_bundle(provider: FolderProvider, make_engine: MakeEngine) -> None:
    engine = make_engine(provider)
    await engine.prepare(setup_of(ADD).program.bundle)
    await engine.discard("other")
    assert "delete" not in provider.events
    await engine.discard("d1")
    await until(lambda: "delete" in provider.events)


async def test_arming_never_fails(provider: FolderProvider, make_engine: MakeEngine) -> None:
    engine = make_engine(provider, spare_count=1)
    await engine.arm(setup_of(ADD))
    await engine.capabilities()
    provider.failures = [ProviderFailed("no")]
    await engine.arm(setup_of(ADD))
    await until(lambda: not provider.failures)
    await engine.arm(setup_of(ADD))
    await until(lambda: len(provider.machines) == 1)


def _wheel(folder: Path) -> str:
    """A wheel `tiny-h7` 1.0 in a folder; its SHA-256."""
    folder.mkdir()
    path = folder / "tiny_h7-1.0-py3-none-any.whl"
    info = "tiny_h7-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny_h7.py", "WORD = 'packaged'\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-h7\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"tiny_h7.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()
