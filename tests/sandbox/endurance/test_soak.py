"""Hundreds of runs, one in ten hostile: all the others are answered right, and nothing is left over.

`benchmarks/soak.py` does the same ten thousand times, and looks at the memory too.
"""

import os
from pathlib import Path

import pytest

from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.tiers import Tier
from tests.sandbox import containers
from tests.sandbox.endurance import mischief
from tests.sandbox.endurance.servers import needed
from tests.sandbox.endurance.soaking import BUNDLE_COUNT, HOSTILE_EACH, soaked

RUN_COUNT = HOSTILE_EACH * len(mischief.ALL)
WARM_UP_COUNT = HOSTILE_EACH * (BUNDLE_COUNT + 1)
"""Every version has been there then: in tier landlock each keeps an empty folder until the end."""


@pytest.mark.slow
@pytest.mark.parametrize("tier", [Tier.NAMESPACES, Tier.LANDLOCK])
async def test_after_every_mischief_all_others_were_answered_right_and_nothing_is_left(
    place: Path, tier: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed(tier)
    monkeypatch.setattr("tempfile.tempdir", str(place / "tmp"))
    python = containers.interpreter()[0] if tier is Tier.LANDLOCK and os.geteuid() == 0 else None

    soak = await soaked(
        lambda: LocalEngine(place, tier=tier, python=python),
        (place,),
        run_count=RUN_COUNT,
        concurrency=8,
        warm_up_count=WARM_UP_COUNT,
    )

    assert soak.problems() == []
    assert soak.honest_count == RUN_COUNT - len(mischief.ALL)
    assert {name for name, _end in soak.ends} == {each.name for each in mischief.ALL}
