"""The kinds of walls that hostile tools are let loose behind, and what a machine must have for them."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jinba_mcp.sandbox.local import selftest
from jinba_mcp.sandbox.local.tiers import Tier
from tests.sandbox import containers

_TIMEOUT_S = 380.0
_SCRIPT = """
import asyncio, json
from pathlib import Path
from tests.sandbox.hostile import arena
from jinba_mcp.sandbox.local.tiers import Tier
if sys.argv[3] == "uvloop":
    from uvloop import run
else:
    run = asyncio.run
print(json.dumps(run(arena.main(Tier(sys.argv[1]), Path(sys.argv[2])))))
"""


@dataclass(frozen=True)
class Surroundings:
    """Where the server stands: which tier, as whom (None: who runs the tests), in a container or not, on which loop."""

    tier: Tier
    user: int | None = None
    is_contained: bool = False
    loop: str = "asyncio"

    def __str__(self) -> str:
        who = "user" if self.user else "whoever-runs"
        return f"{self.tier}-as-{who}{'-in-a-container' if self.is_contained else ''}"


Fight = Callable[[Surroundings], dict[str, Any]]


def require(*, is_there: bool, what: str) -> None:
    """Skip the test where the machine lacks `what`, or fail it if it must not lack it."""
    if is_there:
        return
    if os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") == "1":
        pytest.fail(f"JINBA_TEST_REQUIRE_SANDBOX is set, and this machine has no {what}")
    pytest.skip(f"this machine has no {what}")


@pytest.fixture
def fight() -> Iterator[Fight]:
    """All attacks behind these walls, in a process of its own; what came of them."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))

    def run(where: Surroundings) -> dict[str, Any]:
        machine = selftest.host()
        require(is_there=where.user is None or machine.is_root, what="root for the tests, who may become other users")
        require(is_there=not where.is_contained or machine.is_root, what="root for the tests, who may make a container")
        require(is_there=where.tier is not Tier.LANDLOCK or machine.landlock_abi >= 3, what="Landlock of ABI 3")
        require(is_there=where.tier is not Tier.BWRAP or machine.has_bwrap, what="bubblewrap")
        for path in (folder, folder / "tmp"):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
            os.chown(path, where.user or os.geteuid(), -1)
        told: dict[str, Any] = json.loads(
            containers.run(
                _SCRIPT,
                where.tier,
                str(folder),
                where.loop,
                user=where.user,
                is_contained=where.is_contained,
                timeout_s=_TIMEOUT_S,
            )
        )
        require(is_there=told["missing"] is None, what=f"{where.tier}: {told['missing']}")
        return told

    yield run
    shutil.rmtree(folder)
