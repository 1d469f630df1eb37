"""A component built once for all sessions, and engines on it."""

import os
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from jinba_mcp.domain.env import NO_ENV, Env
from jinba_mcp.sandbox.engine import Bundle, Limits, Program, Setup
from jinba_mcp.sandbox.wasm import components
from jinba_mcp.sandbox.wasm.components import Components
from jinba_mcp.sandbox.wasm.engine import WasmEngine

Running = Callable[..., AbstractAsyncContextManager[WasmEngine]]
MakeSetup = Callable[..., Setup]
CACHE = Path(__file__).parents[3] / ".cache" / "wasm-tests"


@pytest.fixture
async def compiled() -> Path:
    """The compiled component; skips where the extra is missing."""
    why = components.missing()
    if why is not None:
        if os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") == "1":
            pytest.fail(f"WebAssembly is required: {why}")
        pytest.skip(f"no WebAssembly here: {why}")
    return await Components(CACHE).ready()


@pytest.fixture
def running(compiled: Path) -> Running:
    """`async with running() as engine`."""

    @asynccontextmanager
    async def make(**options: Any) -> AsyncIterator[WasmEngine]:
        engine = WasmEngine(CACHE, **({"max_workers": 2} | options))
        try:
            with anyio.fail_after(60):
                yield engine
        finally:
            await engine.close()

    return make


@pytest.fixture
def setup() -> MakeSetup:
    """A Python tool `greeting-tools/greet` of the given code, to be run with the given limits."""

    def make(code: str, *, env: Env = NO_ENV, bundle: Any = None, **limits: Any) -> Setup:
        fields = {"digest": "sha256:1", "toolset": "greeting-tools", "language": "python"} | (bundle or {})
        program = Program(
            bundle=Bundle.model_validate(fields), tool="greet", entrypoint="run", code=textwrap.dedent(code)
        )
        return Setup(program, Limits(**({"timeout_s": 30} | limits)), env)

    return make
