"""What the tests of all providers share: programs to run, and engines that are closed again."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest_asyncio

from jinba_mcp.domain.env import Env
from jinba_mcp.sandbox.engine import Bundle, Limits, Program, Setup
from jinba_mcp.sandbox.remote.engine import RemoteEngine
from jinba_mcp.sandbox.remote.provider import Provider

MakeEngine: TypeAlias = Callable[..., RemoteEngine]


def setup_of(code: str, **given: Any) -> Setup:
    """A tool with this code; `given` are `env`, `tenant`, and fields of the bundle or of the limits."""
    env, tenant = given.pop("env", Env()), given.pop("tenant", "org")
    limits = Limits(**{key: given.pop(key) for key in tuple(given) if key in Limits.model_fields})
    bundle = Bundle(**{"digest": "d1", "toolset": "greeting-tools", "language": "python", **given})
    program = Program(bundle=bundle, tool="greet", entrypoint="run", code=code)
    return Setup(program, limits, env, tenant)


@pytest_asyncio.fixture
async def make_engine() -> AsyncIterator[MakeEngine]:
    engines: list[RemoteEngine] = []

    def make(provider: Provider, **options: Any) -> RemoteEngine:
        engines.append(RemoteEngine(provider, **options))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.close()
