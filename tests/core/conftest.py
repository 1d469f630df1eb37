"""The databases of the core, and further cores on that of a world, as other server processes have them."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jinba_mcp.core import core
from jinba_mcp.core.core import Core
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.domain.keeping import Keeper, Keeping
from jinba_mcp.sandbox.inprocess import InProcessEngine
from jinba_mcp.storage.store import Store
from tests.databases import DATABASES
from tests.worlds import PretendedResolver, World, a_workshop

OpenCore = Callable[..., Awaitable[Core]]


@pytest.fixture(params=[pytest.param(kind, marks=[] if kind == "sqlite" else [pytest.mark.slow]) for kind in DATABASES])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Each in turn by `make check`; the embedded one is enough for `make test`, since storage is tested on all."""
    return str(request.param)


@pytest.fixture
def sqlite_url(sqlite_file_of_a_world: Path, tmp_path: Path) -> str:
    """A database of the test's own that has the organizations of a world."""
    return f"sqlite:///{shutil.copyfile(sqlite_file_of_a_world, tmp_path / 'jinba.db')}"


@pytest.fixture
async def open_core(
    world: World,
    open_store: Callable[[str], Awaitable[Store]],
    database_url: str,
    resolver: PretendedResolver,
    keyring: Keyring,
) -> AsyncIterator[OpenCore]:
    """`await open_core(keeping)`: shares database, clock and secret keys with the world, and nothing else."""
    engines: list[InProcessEngine] = []

    async def opened(keeping: Keeping | None = None) -> Core:
        engines.append(InProcessEngine(max_threads=8))
        workshop = replace(a_workshop(resolver, keyring, engines[-1]), keeper=Keeper(keeping or Keeping()))
        return core.build(await open_store(database_url), world.clock, workshop, observe=world.observed.append)

    yield opened
    for engine in engines:
        await engine.close()
