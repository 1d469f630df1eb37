"""Every hostile tool, behind every kind of walls: it came as far as its attack, and what was expected stopped it."""

from typing import Any

import pytest

from jinba_mcp.sandbox.engine import Bundle, Limits, Program, Setup
from jinba_mcp.sandbox.local.tiers import Tier
from tests.sandbox import containers
from tests.sandbox.hostile import scenes
from tests.sandbox.hostile.attacks import REACHED, SIGNS, Attack, Expected, Wall
from tests.sandbox.hostile.conftest import Fight, Surroundings
from tests.sandbox.hostile.table import ATTACKS
from tests.sandbox.local.unwalled import UnwalledEngine

pytestmark = pytest.mark.slow

LEAST_HONEST = 5
HERE = Surroundings(Tier.NAMESPACES, loop="uvloop")
ELSEWHERE = (
    Surroundings(Tier.NAMESPACES, user=containers.NOBODY),
    Surroundings(Tier.BWRAP, user=containers.NOBODY),
    Surroundings(Tier.LANDLOCK, loop="uvloop"),
    Surroundings(Tier.LANDLOCK, user=containers.NOBODY),
    Surroundings(Tier.LANDLOCK, is_contained=True),
    Surroundings(Tier.LANDLOCK, user=containers.NOBODY, is_contained=True, loop="uvloop"),
)


def test_the_table_is_long_and_names_what_stops_each() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(set(names)) == len(names) >= 60
    assert all(attack.tries and attack.strong.walls and attack.contained.walls for attack in ATTACKS)
    assert {wall for attack in ATTACKS for wall in (*attack.strong.walls, *attack.contained.walls)} == set(Wall)


def test_nothing_gets_out_of_the_best_walls_here(fight: Fight, subtests: pytest.Subtests) -> None:
    judge(HERE, fight(HERE), subtests)


@pytest.mark.slow
@pytest.mark.parametrize("where", ELSEWHERE, ids=str)
def test_nothing_gets_out_of_any_walls(where: Surroundings, fight: Fight, subtests: pytest.Subtests) -> None:
    judge(where, fight(where), subtests)


@pytest.mark.parametrize("attack", [each for each in ATTACKS if each.open_without_walls], ids=lambda each: each.name)
async def test_where_no_wall_stands_the_same_tools_get_through(attack: Attack) -> None:
    bundle = Bundle(digest="unwalled", toolset="hostile-tools", language="python")
    with scenes.scene() as scene:
        code = attack.unwalled(scene.told)
        program = Program(bundle=bundle, tool="attack", entrypoint="run", code=code)
        outcome = await UnwalledEngine().run(Setup(program, Limits()), {"scene": scene.told})

    assert isinstance(outcome.output, dict)
    assert len(outcome.output) == len(attack.open_without_walls)
    assert [name for name, came in outcome.output.items() if not str(came).startswith("done")] == []


def judge(where: Surroundings, told: dict[str, Any], subtests: pytest.Subtests) -> None:
    """One subtest for each attack, and one for the host."""
    for attack in ATTACKS:
        with subtests.test(attack=attack.name, tries=attack.tries):
            assert complaints(attack, expected(attack, where.tier), told["seen"].get(attack.name)) == []
    with subtests.test(attack="all of them together"):
        assert told["complaints"] == []
        assert told["honest_count"] >= LEAST_HONEST


def expected(attack: Attack, tier: Tier) -> Expected:
    if tier is Tier.LANDLOCK:
        return attack.contained
    return (attack.behind_bwrap if tier is Tier.BWRAP else None) or attack.strong


def complaints(attack: Attack, wanted: Expected, runs: list[dict[str, Any]] | None) -> list[str]:
    """What came of it otherwise than expected."""
    if runs is None:
        return [] if attack.machines else ["it was not run"]
    found = [complaint for run in runs for complaint in run["complaints"]]
    for run in runs:
        found += _reached(run) or ([] if attack.is_distinct else _ended(run, wanted))
    outputs = [repr(run.get("output")) for run in runs]
    if attack.is_distinct and len(set(outputs)) < len(outputs):
        found.append("two runs returned the same")
    return found


def _reached(run: dict[str, Any]) -> list[str]:
    """Whether the tool came as far as its attack; an engine that refused altogether has no log."""
    if run["stdout"] is None or REACHED in run["stdout"]:
        return []
    return [f"it never came to its attack: {run['error']}: {run['message']}"]


def _ended(run: dict[str, Any], wanted: Expected) -> list[str]:
    if run["error"] is not None:
        return [] if run["error"] in wanted.ends else [f"{run['error']}: {run['message']}"]
    if wanted.returns:
        return [] if run["output"] in wanted.returns else [f"returned {run['output']!r}"[:300]]
    if not isinstance(run["output"], dict):
        return [f"it ended well: {run['output']!r}"[:300]]
    signs = frozenset().union(*(SIGNS.get(wall, frozenset()) for wall in wanted.walls))
    return [f"{name}: {came}" for name, came in run["output"].items() if came not in signs]
