"""Programs and engines for the sandbox's tests."""

import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import pytest

from jinba_mcp.sandbox.engine import Program
from jinba_mcp.sandbox.inprocess import InProcessEngine

Running = Callable[..., AbstractAsyncContextManager[InProcessEngine]]
MakeProgram = Callable[..., Program]


@pytest.fixture
def running() -> Running:
    """`async with running() as engine`: inside the test, because pytest sets other streams in its fixtures."""

    @asynccontextmanager
    async def make(max_threads: int = 8, max_tools: int = 100) -> AsyncIterator[InProcessEngine]:
        engine = InProcessEngine(max_threads, max_tools)
        try:
            with anyio.fail_after(5):
                yield engine
        finally:
            await engine.close()

    return make


@pytest.fixture
def program() -> MakeProgram:
    """A Python tool `greeting-tools/greet` of the given code."""

    def make(code: str, **changes: str) -> Program:
        fields = {
            "digest": "sha256:1",
            "toolset": "greeting-tools",
            "tool": "greet",
            "language": "python",
            "entrypoint": "run",
            "code": textwrap.dedent(code),
        }
        return Program.model_validate(fields | changes)

    return make
