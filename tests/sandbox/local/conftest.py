"""Real engines on this machine, and tools for them."""

import functools
import os
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from jinba_mcp.domain.env import NO_ENV, Env
from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.engine import Bundle, Limits, Program, Setup
from jinba_mcp.sandbox.local.engine import LocalEngine

Running = Callable[..., AbstractAsyncContextManager[LocalEngine]]
MakeSetup = Callable[..., Setup]


@functools.cache
def missing(cache_dir: Path) -> str | None:
    """Why this machine has no tier A."""

    async def tried() -> str | None:
        engine = LocalEngine(cache_dir)
        try:
            await engine.prepare(Bundle(digest="sha256:0", toolset="none", language="python"))
        except SandboxUnavailable as error:
            return error.message
        finally:
            await engine.close()
        return None

    return anyio.run(tried)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: it is filled once, and only read then."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def running(cache_dir: Path) -> Running:
    """`async with running() as engine`; skips where the machine lacks namespaces."""

    @asynccontextmanager
    async def make(**options: Any) -> AsyncIterator[LocalEngine]:
        why = await anyio.to_thread.run_sync(missing, cache_dir)
        if why is not None:
            if os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") == "1":
                pytest.fail(f"namespaces are required: {why}")
            pytest.skip(f"no namespaces here: {why}")
        engine = LocalEngine(cache_dir, **options)
        try:
            with anyio.fail_after(180):
                yield engine
        finally:
            await engine.close()

    return make


@pytest.fixture
def setup() -> MakeSetup:
    """A Python tool `greeting-tools/greet` of the given code, to be run with the given limits."""

    def make(code: str, *, env: Env = NO_ENV, tenant: str = "", bundle: Any = None, **limits: Any) -> Setup:
        fields = {"digest": "sha256:1", "toolset": "greeting-tools", "language": "python"} | (bundle or {})
        program = Program(
            bundle=Bundle.model_validate(fields), tool="greet", entrypoint="run", code=textwrap.dedent(code)
        )
        return Setup(program, Limits(**({"timeout_s": 60} | limits)), env, tenant)

    return make
