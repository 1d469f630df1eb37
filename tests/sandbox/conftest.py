"""Programs and engines for the sandbox's tests."""

import builtins
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace

import anyio
import pytest

from jinba_mcp.domain.tools import Language
from jinba_mcp.sandbox.engine import Bundle, Program
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
            with anyio.fail_after(60):
                yield engine
        finally:
            await engine.close()

    return make


@pytest.fixture
def program() -> MakeProgram:
    """A Python tool `greeting-tools/greet` of the given code."""

    def make(
        code: str,
        *,
        digest: str = "sha256:1",
        toolset: str = "greeting-tools",
        tool: str = "greet",
        language: Language = "python",
    ) -> Program:
        bundle = Bundle(digest=digest, toolset=toolset, language=language)
        return Program(bundle=bundle, tool=tool, entrypoint="run", code=textwrap.dedent(code))

    return make


@pytest.fixture
def shared() -> Iterator[SimpleNamespace]:
    """What a test and its tool both see, as `builtins.shared`; `release` ends tools that wait for it."""
    shared = SimpleNamespace(release=threading.Event(), entered=threading.Event(), seen=[])
    builtins.shared = shared  # type: ignore[attr-defined]  # how a test reaches into a tool's module
    yield shared
    shared.release.set()
    del builtins.shared  # type: ignore[attr-defined]  # as above
