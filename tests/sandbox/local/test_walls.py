"""The self-test against real engines: as root and as an ordinary user, on a bare machine and in a container."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jinba_mcp.domain.isolation import Level
from jinba_mcp.sandbox.local import selftest
from jinba_mcp.sandbox.local.tiers import Choice, Tier
from tests.sandbox import containers

pytestmark = pytest.mark.slow

Chosen = Callable[..., Choice]

_SCRIPT = """
import asyncio
from pathlib import Path
from jinba_mcp.sandbox.local import bwrap, selftest, zygotes
from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.tiers import Tier

def make(tier):
    return LocalEngine(Path(sys.argv[1]), tier=tier, start=bwrap.start if tier is Tier.BWRAP else zygotes.start)

print(asyncio.run(selftest.choose(make, sys.argv[2], None)).model_dump_json())
"""


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    """Where the runtime is kept; anyone may come in."""
    folder = Path(tempfile.mkdtemp(prefix="jinba-test-cache-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def chosen(cache: Path) -> Chosen:
    """What is chosen in a process of its own."""

    def run(wanted: str, *, user: int | None = None, is_contained: bool = False) -> Choice:
        printed = containers.run(_SCRIPT, str(cache), wanted, user=user, is_contained=is_contained)
        return Choice.model_validate_json(printed)

    return run


def _require(*, is_there: bool, what: str) -> None:
    if is_there:
        return
    if os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") == "1":
        pytest.fail(f"JINBA_TEST_REQUIRE_SANDBOX is set, and this machine has no {what}")
    pytest.skip(f"this machine has no {what}")


@pytest.fixture
def root() -> None:
    _require(is_there=selftest.host().is_root, what="root for the tests, who may become other users")


@pytest.fixture
def landlock() -> None:
    _require(is_there=selftest.host().landlock_abi >= 3, what="Landlock of ABI 3")


@pytest.mark.parametrize("user", [None, containers.NOBODY])
def test_on_a_bare_machine_nothing_gets_out_of_namespaces(chosen: Chosen, user: int | None, root: None) -> None:
    found = chosen("auto", user=user)
    _require(is_there="Operation not permitted" not in found.rejected.get(Tier.NAMESPACES, ""), what="user namespaces")
    assert (found.tier, found.isolation.level, found.problem) == (Tier.NAMESPACES, Level.STRONG, None)


@pytest.mark.parametrize("user", [None, containers.NOBODY])
def test_in_a_container_nothing_gets_out_of_landlock(
    chosen: Chosen, user: int | None, root: None, landlock: None
) -> None:
    found = chosen("auto", user=user, is_contained=True)
    assert (found.tier, found.isolation.level, found.problem) == (Tier.LANDLOCK, Level.CONTAINED, None)
    assert set(found.rejected) == {Tier.NAMESPACES, Tier.BWRAP}
    assert "not permitted" in found.rejected[Tier.NAMESPACES]
    assert ("same-user" in found.isolation.weaker) is (user is not None)


@pytest.mark.parametrize("user", [None, containers.NOBODY])
def test_landlock_holds_on_a_bare_machine_too(chosen: Chosen, user: int | None, root: None, landlock: None) -> None:
    assert chosen("landlock", user=user).problem is None


@pytest.mark.parametrize("user", [None, containers.NOBODY])
def test_in_landlock_runs_write_to_folders_of_their_own_and_see_no_others(
    cache: Path, user: int | None, root: None, landlock: None
) -> None:
    script = "import runpy; runpy.run_module('tests.sandbox.local.neighbours', run_name='__main__')"
    assert containers.run(script, str(cache), user=user) == "[[1], [1]]"


def test_nothing_gets_out_of_bubblewrap(chosen: Chosen, root: None) -> None:
    _require(is_there=shutil.which("bwrap") is not None, what="bubblewrap")
    found = chosen("bwrap", user=containers.NOBODY)
    assert (found.tier, found.isolation.level, found.problem) == (Tier.BWRAP, Level.STRONG, None)


def test_a_container_is_told_what_would_give_it_namespaces(chosen: Chosen, root: None) -> None:
    found = chosen("namespaces", is_contained=True)
    assert found.tier is Tier.NONE
    assert str(found.problem).startswith("JINBA_SANDBOX=namespaces does not work here: namespaces: ")
