"""One server for all tests; whoever needs another one starts it."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.journeys import tools
from tests.journeys.houses import SETTINGS, WITHIN_S, House
from tests.journeys.outside import Outside
from tests.resilience.places import Place

REQUIRE = "JINBA_TEST_REQUIRE_SANDBOX"


@pytest.fixture(scope="session")
def outside() -> Iterator[Outside]:
    served = Outside()
    yield served
    served.close()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, outside: Outside) -> Iterator[House]:
    """A server with every ToolSet of `tools`; the test is skipped where there are no namespaces."""
    folder = tmp_path_factory.mktemp("house")
    tools.write(folder / "toolsets", outside)
    private = {"JINBA_SANDBOX_PRIVATE_HOSTS": f"localhost:{outside.port},169.254.169.254"}
    place = Place(folder, None, SETTINGS | private)
    with place.serving() as server, httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=WITHIN_S) as http:
        _require_namespaces(http)
        yield House(place, server, outside, http)


@pytest.fixture
def toolsets(tmp_path: Path) -> Path:
    """A folder for ToolSets of the test's own."""
    return tmp_path / "toolsets"


def _require_namespaces(http: httpx2.Client) -> None:
    local = next(each for each in http.get("/readyz").json()["sandboxes"] if each["name"] == "local")
    if local["isolation"]["tier"] == "namespaces" and local["problem"] is None:
        return
    why = f"no namespaces here: {local}"
    if os.environ.get(REQUIRE) == "1":
        pytest.fail(why)
    pytest.skip(why)
