"""The real SDK against a server of ours that speaks Daytona's API; nothing here has met the real service."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jinba_mcp.domain.env import Env
from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.engine import OutcomeStatus
from jinba_mcp.sandbox.remote import daytona
from jinba_mcp.sandbox.remote.daytona import DaytonaProvider
from jinba_mcp.sandbox.remote.provider import OWNER_LABEL, ProviderFailed
from tests.sandbox.remote.conftest import MakeEngine, setup_of
from tests.sandbox.remote.daytona_api import API_KEY, DaytonaCloud
from tests.sandbox.remote.machines import process_ids, until
from tests.sandbox.remote.serving import serving

pytestmark = pytest.mark.slow

ADD = "def run(a: int, b: int) -> dict:\n    return {'sum': a + b}"


class Organization:
    """The cloud and how to reach it."""

    def __init__(self, cloud: DaytonaCloud, root: Path) -> None:
        self.cloud = cloud
        self._root = root

    def provider(self, **options: Any) -> DaytonaProvider:
        options = {"api_key": API_KEY, "root": str(self._root), **options}
        return DaytonaProvider("me", api_url=f"{self.cloud.url}/api", target="eu", **options)


@pytest_asyncio.fixture
async def organization(tmp_path: Path) -> AsyncIterator[Organization]:
    cloud = DaytonaCloud()
    async with serving(cloud.app()) as url:
        cloud.url = url
        yield Organization(cloud, tmp_path / "root")


async def test_a_tool_runs_in_a_sandbox_that_ends_by_itself(
    organization: Organization, make_engine: MakeEngine
) -> None:
    engine = make_engine(organization.provider(idle_s=60.0, snapshot="ours"))
    for _ in range(2):
        outcome = await engine.run(setup_of(ADD), {"a": 1, "b": 2})
        assert outcome.status is OutcomeStatus.SUCCESS, outcome.error
        assert outcome.output == {"sum": 3}
    (asked,) = organization.cloud.created
    assert asked["snapshot"] == "ours"
    assert asked["autoStopInterval"] == 16
    assert asked["autoDeleteInterval"] == 0
    assert asked["labels"] == {OWNER_LABEL: "me", "code-toolbox-language": "python"}


async def test_env_goes_over_the_input_of_the_process_only_and_is_not_echoed(
    organization: Organization, make_engine: MakeEngine
) -> None:
    code = "import os\ndef run() -> str:\n    return os.environ['TOKEN'][::-1]"
    env = Env({"TOKEN": "s3cret-canary"}, ["TOKEN"])
    outcome = await make_engine(organization.provider()).run(setup_of(code, env=env), {})
    assert outcome.output == "yranac-terc3s"
    cloud = organization.cloud
    assert "s3cret-canary" not in str(cloud.created) + str(cloud.commands)
    assert any("s3cret-canary" in data for data in cloud.inputs)
    assert cloud.commands[0]["suppressInputEcho"] is True


async def test_the_network_is_closed_before_any_tool_runs(organization: Organization, make_engine: MakeEngine) -> None:
    engine = make_engine(organization.provider())
    policies: list[Any] = ["off", ("api.example.com", "api.example.org")]
    for digest, network in enumerate(policies):
        await engine.run(setup_of(ADD, digest=str(digest), network=network), {"a": 1, "b": 2})
    assert organization.cloud.networks == [
        {"networkBlockAll": True},
        {"domainAllowList": "api.example.com,api.example.org"},
    ]


@pytest.mark.parametrize(
    ("network", "words"),
    [("on", "private addresses"), (("*.example.com",), "plain host names"), (("a.example.com:5432",), "plain host")],
)
async def test_a_network_it_cannot_keep_to_is_refused(
    organization: Organization, make_engine: MakeEngine, network: Any, words: str
) -> None:
    with pytest.raises(SandboxUnavailable, match=words):
        await make_engine(organization.provider()).prepare(setup_of(ADD, network=network).program.bundle)


async def test_a_large_request_and_a_large_result_pass_whole(
    organization: Organization, make_engine: MakeEngine
) -> None:
    text = "x" * 1_500_000
    code = "def run(text: str) -> str:\n    return text + '!'"
    outcome = await make_engine(organization.provider()).run(setup_of(code), {"text": text})
    assert outcome.output == text + "!"
    assert len(organization.cloud.inputs) > 2


async def test_a_cancelled_run_ends_its_session(
    organization: Organization, make_engine: MakeEngine, tmp_path: Path
) -> None:
    code = f"import time\nfrom pathlib import Path\ndef run():\n    Path('{tmp_path}/in').touch()\n    time.sleep(600)"
    task = asyncio.create_task(make_engine(organization.provider()).run(setup_of(code), {}))
    await until((tmp_path / "in").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not (organization.cloud.sessions or process_ids(str(tmp_path / "root"))))


async def test_a_sandbox_that_is_gone_is_replaced(organization: Organization, make_engine: MakeEngine) -> None:
    engine = make_engine(organization.provider())
    await engine.run(setup_of(ADD), {"a": 1, "b": 2})
    organization.cloud.alive.clear()
    assert (await engine.run(setup_of(ADD), {"a": 1, "b": 2})).output == {"sum": 3}
    assert len(organization.cloud.created) == 2


async def test_sandboxes_of_an_earlier_life_are_removed_and_others_are_not(
    organization: Organization, make_engine: MakeEngine
) -> None:
    organization.cloud.alive.update({"mine": {OWNER_LABEL: "me"}, "other": {OWNER_LABEL: "someone"}})
    assert (await make_engine(organization.provider()).capabilities()).problem is None
    assert list(organization.cloud.alive) == ["other"]


async def test_closing_leaves_no_sandbox(organization: Organization, make_engine: MakeEngine) -> None:
    engine = make_engine(organization.provider())
    await engine.prepare(setup_of(ADD).program.bundle)
    assert len(organization.cloud.alive) == 1
    await engine.close()
    assert not organization.cloud.alive


async def test_a_wrong_key_is_told_without_what_the_service_said(
    organization: Organization, make_engine: MakeEngine
) -> None:
    problem = (await make_engine(organization.provider(api_key="dtn_wrong")).capabilities()).problem
    assert problem is not None
    assert "Look at the API key" in problem
    assert "10.1.2.3" not in problem


async def test_a_service_out_of_order_is_a_sandbox_out_of_reach(
    organization: Organization, make_engine: MakeEngine
) -> None:
    organization.cloud.is_out_of_order = True
    with pytest.raises(SandboxUnavailable, match="out of reach"):
        await make_engine(organization.provider()).run(setup_of(ADD), {"a": 1, "b": 2})


async def test_without_the_sdk_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, make_engine: MakeEngine
) -> None:
    monkeypatch.setitem(sys.modules, "daytona", None)
    problem = (await make_engine(DaytonaProvider("me")).capabilities()).problem
    assert problem is not None
    assert "pip install 'jinba-mcp[daytona]'" in problem


async def test_a_sandbox_that_cannot_be_made_ready_is_removed(
    organization: Organization, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise ProviderFailed("no room")

    monkeypatch.setattr(daytona.DaytonaMachine, "upload", refuse)

    with pytest.raises(SandboxUnavailable):
        await make_engine(organization.provider()).run(setup_of(ADD), {"a": 1, "b": 2})

    assert organization.cloud.created
    assert not organization.cloud.alive
