"""Where a tool may connect to: nowhere, or where its ToolSet says and the operator lets it."""

import pytest

from tests.journeys.houses import House

pytestmark = pytest.mark.slow  # each waits for a server with many ToolSets

online = pytest.mark.parametrize("toolset", ["online-tools", "online-scripts"])


@pytest.mark.parametrize("toolset", ["plain-tools", "plain-scripts"])
def test_without_a_network_nothing_is_reached(house: House, toolset: str) -> None:
    before = len(house.outside.visits)
    record = house.run(f"{toolset}/fetch", url=house.outside.url("/hello"))
    assert record["status"] == "success", record["error"]
    assert record["output"]["status"] == 0
    assert len(house.outside.visits) == before


@online
def test_a_listed_host_that_the_operator_names_too_is_reached(house: House, toolset: str) -> None:
    record = house.run(f"{toolset}/fetch", url=house.outside.url("/hello"))
    assert record["output"] == {"status": 200, "text": "hello"}


@online
@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("http://example.com/", "example.com:80 is not in this ToolSet's sandbox.network; its author can add it."),
        ("http://localhost:4/", "localhost:4 is not in this ToolSet's sandbox.network"),
        ("http://localhost:3/", "JINBA_SANDBOX_PRIVATE_HOSTS"),
        ("http://169.254.169.254/latest/meta-data/", "a reserved or metadata address, which no sandbox may reach"),
    ],
)
def test_what_is_refused_says_why(house: House, toolset: str, host: str, reason: str) -> None:
    output = house.run(f"{toolset}/fetch", url=host)["output"]
    assert (output["status"], reason in output["text"]) == (403, True), output


@online
def test_loopback_by_its_number_is_not_what_the_operator_named(house: House, toolset: str) -> None:
    before = len(house.outside.visits)
    output = house.run(f"{toolset}/fetch", url=house.outside.url("/hello", host="127.0.0.1"))["output"]
    assert output["status"] in (0, 403), output
    assert len(house.outside.visits) == before


@pytest.mark.parametrize("toolset", ["plain-tools", "online-tools"])
def test_a_socket_of_its_own_leads_nowhere(house: House, toolset: str) -> None:
    before = len(house.outside.visits)
    assert house.run(f"{toolset}/direct", port=house.outside.port)["output"] == "refused"
    assert len(house.outside.visits) == before
