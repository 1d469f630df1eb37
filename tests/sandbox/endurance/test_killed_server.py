"""A server that is killed takes all that it started with it, and the next one clears away what it left."""

from pathlib import Path

import pytest

from tests.sandbox.endurance import census
from tests.sandbox.endurance.servers import given, needed, serving, told

pytestmark = pytest.mark.slow

_BUSY = """
async def main():
    engine = made(sys.argv[3])
    sleeping = "import time\\ndef run(): time.sleep(999)"
    await engine.arm(setup())
    for code in (sleeping, sleeping, "import time\\ntime.sleep(999)", "while True: pass"):
        asyncio.ensure_future(fate(engine, setup(code, timeout_s=999)))
    while len([worker for worker in engine._pool._busy if worker.run_count]) < 2:
        await asyncio.sleep(0.001)
    tell(sorted(census.descendants(os.getpid())))
    await asyncio.sleep(999)
"""
_NEXT = """
async def main():
    engine = made(sys.argv[3])
    tell(await fate(engine, setup()))
    await engine.close()
    tell(sorted(str(path) for path in (cache / "tmp").iterdir()))
"""


@pytest.mark.parametrize("user", [None, 65534])
@pytest.mark.parametrize("tier", ["namespaces", "landlock"])
async def test_a_killed_server_takes_everything_with_it(place: Path, tier: str, user: int | None) -> None:
    needed(tier, user)
    cache = place if user is None else given(place, user)
    mounts = _mounts()

    with serving(_BUSY, cache, tier, user=user) as server:
        processes = set(await told(server))
        assert len(processes) >= 4
        server.kill()
        await census.gone(processes)
    with serving(_NEXT, cache, tier, user=user) as server:
        answer, left = await told(server), await told(server)

    assert (answer, left) == (42, [])
    assert _mounts() == mounts


def _mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()
