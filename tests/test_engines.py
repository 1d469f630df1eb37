"""The engines that the settings name, each as its own tests have it; here only which is made."""

from pathlib import Path

import pytest

from jinba_mcp import engines
from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.wasm import components
from jinba_mcp.sandbox.wasm.engine import WasmEngine
from jinba_mcp.settings import Settings


async def test_the_wasm_engine_is_made_where_its_parts_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "missing", lambda: None)

    engine = engines._wasm(Settings(data_dir=tmp_path))

    assert isinstance(engine, WasmEngine)
    await engine.close()


def test_without_deno_there_is_no_typescript(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise SandboxUnavailable("deno is not installed")

    monkeypatch.setattr(engines, "installed", absent)

    assert engines._deno() is None
