"""A run that wants too much ends with an error that names the limit; nobody gets more than the operator allows."""

import anyio
import pytest

from tests.journeys import tools
from tests.journeys.houses import WITHIN_S, House

pytestmark = pytest.mark.slow  # each waits for a server with many ToolSets

NAMED = {
    "slow": ("timeout", "Timeout", "0.2 s"),
    "hungry": ("failed", "MemoryLimit", "128 MiB"),
    "chatty": ("failed", "OutputLimit", "4"),
    "crowded": ("failed", "ProcessLimit", "4"),
    "messy": ("failed", "TmpLimit", "4 MiB"),
}
ALL = [
    "brief-tools/slow",
    "brief-scripts/slow",
    *(f"limited-tools/{tool}" for tool in tools.LIMITED if tool in NAMED),
    *(f"limited-scripts/{tool}" for tool in tools.LIMITED_TS),
]


@pytest.mark.parametrize("address", ALL)
async def test_a_limit_that_is_hit_is_named(house: House, address: str) -> None:
    toolset, _, tool = address.partition("/")
    status, name, amount = NAMED[tool]
    record = house.run(address)
    assert (record["status"], record["error"]["name"]) == (status, name), record["error"]
    assert amount in record["error"]["message"]
    with anyio.fail_after(WITHIN_S):
        async with house.client(toolset) as client:
            result = await client.call_tool(tool, {})
    assert result.is_error
    assert f"{name}: " in result.model_dump_json()


def test_what_is_printed_beyond_the_limit_is_cut_and_marked(house: House) -> None:
    record = house.run("limited-tools/noisy")
    assert record["status"] == "success"
    assert sum(len(line) + 1 for line in record["logs"]["stdout"][:-1]) <= 1_024 + len("0123456789")
    assert "cut at 1024 bytes" in record["logs"]["stdout"][-1]


def test_no_toolset_gets_more_than_the_operators_ceiling(house: House) -> None:
    record = house.run("greedy-tools/hungry")
    assert (record["error"]["name"], "256 MiB" in record["error"]["message"]) == ("MemoryLimit", True)
