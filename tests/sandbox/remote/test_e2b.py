"""The real SDK against a server of ours that speaks E2B's wire formats; nothing here has met the real service."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jinba_mcp.domain.env import Env
from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.domain.isolation import Level
from jinba_mcp.sandbox.engine import OutcomeStatus
from jinba_mcp.sandbox.remote import e2b
from jinba_mcp.sandbox.remote.e2b import PRIVATE_ADDRESSES, E2bProvider
from jinba_mcp.sandbox.remote.provider import OWNER_LABEL, ProviderFailed
from tests.sandbox.remote.conftest import MakeEngine, setup_of
from tests.sandbox.remote.e2b_api import API_KEY, E2bCloud
from tests.sandbox.remote.machines import process_ids, until
from tests.sandbox.remote.serving import serving

pytestmark = pytest.mark.slow

ADD = "def run(a: int, b: int) -> dict:\n    return {'sum': a + b}"


class Account:
    """The cloud and how to reach it."""

    def __init__(self, url: str, cloud: E2bCloud, root: Path) -> None:
        self.cloud = cloud
        self._url = url
        self._root = root

    def provider(self, **options: Any) -> E2bProvider:
        options = {"api_key": API_KEY, "root": str(self._root), "retries": 0, **options}
        return E2bProvider("me", api_url=self._url, sandbox_url=self._url, http_version="1.1", **options)


@pytest_asyncio.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    cloud = E2bCloud()
    async with serving(cloud.app()) as url:
        yield Account(url, cloud, tmp_path / "root")


async def test_runs_of_one_organization_share_a_sandbox_and_another_gets_its_own(
    account: Account, make_engine: MakeEngine
) -> None:
    engine = make_engine(account.provider())
    for tenant in ("org1", "org1", "org2"):
        outcome = await engine.run(setup_of(ADD, tenant=tenant), {"a": 1, "b": 2})
        assert outcome.status is OutcomeStatus.SUCCESS, outcome.error
        assert outcome.output == {"sum": 3}
    assert len(account.cloud.created) == 2
    assert outcome.isolation is not None
    assert outcome.isolation.level is Level.STRONG
    assert "shared-files" in outcome.isolation.weaker


async def test_env_goes_over_the_input_of_the_process_only(account: Account, make_engine: MakeEngine) -> None:
    code = "import os\ndef run() -> str:\n    return os.environ['TOKEN'][::-1]"
    env = Env({"TOKEN": "s3cret-canary"}, ["TOKEN"])
    outcome = await make_engine(account.provider()).run(setup_of(code, env=env), {})
    assert outcome.output == "yranac-terc3s"
    assert "s3cret-canary" not in str(account.cloud.created) + str(account.cloud.commands)
    assert any(b"s3cret-canary" in data for data in account.cloud.inputs)


async def test_the_network_is_closed_before_any_tool_runs(account: Account, make_engine: MakeEngine) -> None:
    engine = make_engine(account.provider())
    policies: list[Any] = ["off", "on", ("*.example.com", "api.example.org")]
    for digest, network in enumerate(policies):
        await engine.run(setup_of(ADD, digest=str(digest), network=network), {"a": 1, "b": 2})
    off, on, hosts = account.cloud.networks
    assert off == {"allow_internet_access": False, "denyOut": ["0.0.0.0/0"]}
    assert on == {"denyOut": PRIVATE_ADDRESSES}
    assert hosts == {"allowOut": ["*.example.com", "api.example.org"], "denyOut": ["0.0.0.0/0"]}
    assert all(asked["network"]["allowPublicTraffic"] is False for asked in account.cloud.created)


async def test_ports_in_a_list_of_hosts_are_refused(account: Account, make_engine: MakeEngine) -> None:
    with pytest.raises(SandboxUnavailable, match="cannot keep to ports"):
        await make_engine(account.provider()).prepare(setup_of(ADD, network=("db.example.com:5432",)).program.bundle)


async def test_a_large_request_and_a_large_result_pass_whole(account: Account, make_engine: MakeEngine) -> None:
    text = "x" * 1_500_000
    code = "def run(text: str) -> str:\n    return text + '!'"
    outcome = await make_engine(account.provider()).run(setup_of(code), {"text": text})
    assert outcome.output == text + "!"
    assert len(account.cloud.inputs) > 2


async def test_a_cancelled_run_ends_all_that_it_started(
    account: Account, make_engine: MakeEngine, tmp_path: Path
) -> None:
    code = f"import time\nfrom pathlib import Path\ndef run():\n    Path('{tmp_path}/in').touch()\n    time.sleep(600)"
    task = asyncio.create_task(make_engine(account.provider()).run(setup_of(code), {}))
    await until((tmp_path / "in").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not (process_ids(str(tmp_path / "root"))))


async def test_a_sandbox_that_e2b_ended_is_replaced(account: Account, make_engine: MakeEngine) -> None:
    engine = make_engine(account.provider())
    await engine.run(setup_of(ADD), {"a": 1, "b": 2})
    account.cloud.alive.clear()
    account.cloud.timeouts.clear()
    outcome = await engine.run(setup_of(ADD, timeout_s=800.0), {"a": 1, "b": 2})
    assert outcome.output == {"sum": 3}
    assert len(account.cloud.created) == 2


async def test_the_end_of_a_sandbox_is_put_off_for_a_run(account: Account, make_engine: MakeEngine) -> None:
    await make_engine(account.provider(idle_s=60.0)).run(setup_of(ADD, timeout_s=200.0), {"a": 1, "b": 2})
    assert account.cloud.timeouts == [275]


async def test_sandboxes_of_an_earlier_life_are_removed_and_others_are_not(
    account: Account, make_engine: MakeEngine
) -> None:
    account.cloud.alive.update({"mine": {OWNER_LABEL: "me"}, "other": {OWNER_LABEL: "someone"}})
    assert (await make_engine(account.provider()).capabilities()).problem is None
    assert list(account.cloud.alive) == ["other"]


async def test_closing_leaves_no_sandbox(account: Account, make_engine: MakeEngine) -> None:
    engine = make_engine(account.provider())
    await engine.prepare(setup_of(ADD).program.bundle)
    assert len(account.cloud.alive) == 1
    await engine.run(setup_of(ADD), {"a": 1, "b": 2})
    assert len(account.cloud.alive) == 1
    await engine.close()
    assert not account.cloud.alive


async def test_a_wrong_key_is_told_without_what_the_service_said(account: Account, make_engine: MakeEngine) -> None:
    problem = (await make_engine(account.provider(api_key="e2b_wrong")).capabilities()).problem
    assert problem is not None
    assert "AuthenticationException" in problem
    assert "10.1.2.3" not in problem


async def test_a_service_out_of_order_is_a_sandbox_out_of_reach(account: Account, make_engine: MakeEngine) -> None:
    account.cloud.is_out_of_order = True
    with pytest.raises(SandboxUnavailable, match="out of reach"):
        await make_engine(account.provider()).run(setup_of(ADD), {"a": 1, "b": 2})


async def test_without_the_sdk_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, make_engine: MakeEngine
) -> None:
    monkeypatch.setitem(sys.modules, "e2b", None)
    problem = (await make_engine(E2bProvider("me")).capabilities()).problem
    assert problem is not None
    assert "pip install 'jinba-mcp[e2b]'" in problem


async def test_a_sandbox_that_cannot_be_made_ready_is_removed(
    account: Account, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise ProviderFailed("no room")

    monkeypatch.setattr(e2b.E2bMachine, "upload", refuse)

    with pytest.raises(SandboxUnavailable):
        await make_engine(account.provider()).run(setup_of(ADD), {"a": 1, "b": 2})

    assert account.cloud.created
    assert not account.cloud.alive
