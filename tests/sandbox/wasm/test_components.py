"""Where the component comes from."""

import asyncio
import sys
from pathlib import Path

import pytest

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.wasm import components
from jinba_mcp.sandbox.wasm.components import Components


class Building:
    """Stands in for the two programs that build: quick, counted, and failing when told to."""

    def __init__(self) -> None:
        self.count = 0
        self.fails = False

    async def __call__(self, arguments: list[str]) -> None:
        self.count += 1
        await asyncio.sleep(0)
        if self.fails:
            raise SandboxUnavailable("The WebAssembly component cannot be built: no room")
        await asyncio.to_thread(Path(arguments[-1]).write_text, "made")


@pytest.fixture
def building(monkeypatch: pytest.MonkeyPatch) -> Building:
    made = Building()
    monkeypatch.setattr(components, "_child", made)
    monkeypatch.setattr(components, "missing", lambda: None)
    monkeypatch.setattr(components, "_LIBRARIES", ("pydantic",))
    return made


async def test_it_is_built_once_for_all_who_wait_and_found_later(building: Building, tmp_path: Path) -> None:
    reports: list[str | None] = []
    first, second = Components(tmp_path), Components(tmp_path)

    found = await asyncio.gather(first.ready(lambda *report: reports.append(report[2])), first.ready(), second.ready())
    later = await Components(tmp_path).ready()

    assert {later, *found} == {later}
    assert building.count == 2
    assert [path.name for path in later.parent.iterdir() if path.is_dir()] == []
    assert reports[-1] == "Python for WebAssembly is ready"


async def test_another_program_is_another_component(
    building: Building, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await Components(tmp_path).ready()
    monkeypatch.setattr(components, "_APP", "another")
    assert await Components(tmp_path).ready() != before


async def test_a_build_that_failed_leaves_nothing_and_is_tried_again(building: Building, tmp_path: Path) -> None:
    made = Components(tmp_path)
    building.fails = True
    with pytest.raises(SandboxUnavailable, match="no room"):
        await made.ready()
    assert [path.name for path in (tmp_path / "wasm").iterdir()] == ["building.lock"]

    building.fails = False
    assert (await made.ready()).is_file()


async def test_a_cache_that_cannot_be_written_to_is_named(building: Building, tmp_path: Path) -> None:
    (tmp_path / "wasm").write_text("a file")
    with pytest.raises(SandboxUnavailable, match="cannot be kept in"):
        await Components(tmp_path).ready()


async def test_what_a_failed_program_said_is_told() -> None:
    with pytest.raises(SandboxUnavailable, match="cannot be built: the disk is full"):
        await components._child([sys.executable, "-c", "raise SystemExit('the disk is full')"])


async def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "_BUILD_S", 0.1)
    with pytest.raises(SandboxUnavailable, match="took too long"):
        await components._child([sys.executable, "-c", "import time; time.sleep(60)"])


def test_missing_libraries_are_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "_LIBRARIES", ("pydantic", "no-such"))
    assert components.missing() == "no-such not installed; run: pip install 'jinba-mcp[wasm]'"
    monkeypatch.setattr(components, "_LIBRARIES", ("pydantic",))
    assert components.missing() is None
