"""The real SDK against a Docker Engine API of ours, whose containers are processes of this machine."""

import asyncio
import importlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from jinba_mcp.domain.env import Env
from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.domain.isolation import Level
from jinba_mcp.sandbox.engine import OutcomeStatus
from jinba_mcp.sandbox.remote import docker
from jinba_mcp.sandbox.remote.docker import OVERHEAD_BYTES, DockerProvider
from jinba_mcp.sandbox.remote.provider import OWNER_LABEL, MachineGone, ProviderFailed
from tests.sandbox.remote.conftest import MakeEngine, setup_of
from tests.sandbox.remote.docker_api import DockerDaemon
from tests.sandbox.remote.machines import process_ids, until

pytestmark = pytest.mark.slow

docker_sdk: Any = importlib.import_module("docker")
ADD = "def run(a: int, b: int) -> dict:\n    return {'sum': a + b}"
IMAGE = "python:3.11-slim"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DockerDaemon]:
    with DockerDaemon(tmp_path / "docker.sock", dict(os.environ)).running() as daemon:
        yield daemon


@pytest.fixture
def provider(daemon: DockerDaemon, tmp_path: Path) -> DockerProvider:
    return DockerProvider("me", image=IMAGE, base_url=daemon.url, root=str(tmp_path / "root"))


async def test_a_tool_runs_in_a_container_of_its_own(
    daemon: DockerDaemon, provider: DockerProvider, make_engine: MakeEngine
) -> None:
    engine = make_engine(provider, spare_count=0)
    for a in (1, 2):
        outcome = await engine.run(setup_of(ADD), {"a": a, "b": 2})
        assert outcome.status is OutcomeStatus.SUCCESS, outcome.error
        assert outcome.output == {"sum": a + 2}
    assert outcome.isolation is not None
    assert (outcome.isolation.tier, outcome.isolation.level) == ("runc", Level.STRONG)
    build, *runs = daemon.every_container
    assert len(runs) == 2
    assert all(container.is_attached_before_start for container in runs)
    assert build.asked["Image"] == IMAGE
    assert [container.asked["Image"] for container in runs] == daemon.committed * 2


async def test_a_container_has_walls_on_every_side(
    daemon: DockerDaemon, provider: DockerProvider, make_engine: MakeEngine
) -> None:
    setup = setup_of(ADD, memory_bytes=64 * 2**20, tmp_bytes=2**20, process_count=5)
    await make_engine(provider, spare_count=0).run(setup, {"a": 1, "b": 2})
    asked = daemon.every_container[-1].asked
    host = asked["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Memory"] == host["MemorySwap"] == 65 * 2**20 + OVERHEAD_BYTES
    assert host["PidsLimit"] == 13
    assert host["NanoCpus"] == 1_000_000_000
    assert host["Tmpfs"] == {"/tmp": f"rw,nosuid,nodev,noexec,uid=65534,gid=65534,mode=1777,size={2**20}"}  # noqa: S108  the container's
    assert host["LogConfig"]["Type"] == "none"
    assert asked["User"] == "65534:65534"
    assert asked["Labels"] == {OWNER_LABEL: "me"}


async def test_env_is_in_no_request_to_the_daemon(
    daemon: DockerDaemon, provider: DockerProvider, make_engine: MakeEngine
) -> None:
    code = "import os\ndef run() -> str:\n    return os.environ['TOKEN'][::-1]"
    outcome = await make_engine(provider).run(setup_of(code, env=Env({"TOKEN": "s3cret-canary"}, ["TOKEN"])), {})
    assert outcome.output == "yranac-terc3s"
    assert not [one for one in daemon.every_container if "s3cret-canary" in str(one.asked)]


async def test_the_next_container_waits_before_the_next_call(
    daemon: DockerDaemon, provider: DockerProvider, make_engine: MakeEngine
) -> None:
    engine = make_engine(provider, spare_count=1)
    await engine.prepare(setup_of(ADD).program.bundle)
    await engine.run(setup_of(ADD), {"a": 1, "b": 2})
    await until(lambda: len(daemon.containers) == 1 and daemon.every_container[-1].is_started.is_set())
    waiting = daemon.every_container[-1]
    assert (await engine.run(setup_of(ADD), {"a": 1, "b": 2})).output == {"sum": 3}
    await until(lambda: waiting.id not in daemon.containers)


async def test_bundles_with_the_same_packages_share_an_image(
    daemon: DockerDaemon, provider: DockerProvider, make_engine: MakeEngine
) -> None:
    engine = make_engine(provider)
    for digest in ("d1", "d2"):
        await engine.prepare(setup_of(ADD, digest=digest).program.bundle)
    assert len(daemon.committed) == 1


async def test_an_image_that_is_not_there_is_pulled(daemon: DockerDaemon, provider: DockerProvider) -> None:
    daemon.images.clear()

    async def provision(_machine: object) -> None:
        pass

    await provider.prepare(setup_of(ADD).program.bundle, provision)
    assert daemon.pulled == [IMAGE]


async def test_a_cancelled_run_takes_its_container_with_it(
    daemon: DockerDaemon, provider: DockerProvider, make_engine: MakeEngine, tmp_path: Path
) -> None:
    code = f"import time\nfrom pathlib import Path\ndef run():\n    Path('{tmp_path}/in').touch()\n    time.sleep(600)"
    task = asyncio.create_task(make_engine(provider, spare_count=0).run(setup_of(code), {}))
    await until((tmp_path / "in").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not (daemon.containers or process_ids(str(tmp_path / "root"))))


async def test_containers_of_an_earlier_life_are_removed_and_others_are_not(
    daemon: DockerDaemon, provider: DockerProvider, make_engine: MakeEngine
) -> None:
    daemon.add({"Image": IMAGE, "Labels": {OWNER_LABEL: "me"}})
    other = daemon.add({"Image": IMAGE, "Labels": {OWNER_LABEL: "someone else"}})
    assert (await make_engine(provider).capabilities()).problem is None
    assert list(daemon.containers) == [other.id]


async def test_closing_leaves_no_container(
    daemon: DockerDaemon, provider: DockerProvider, make_engine: MakeEngine
) -> None:
    engine = make_engine(provider, spare_count=2)
    await engine.capabilities()
    await engine.arm(setup_of(ADD))
    await engine.run(setup_of(ADD), {"a": 1, "b": 2})
    await engine.close()
    assert not daemon.containers


async def test_a_container_that_does_not_start_is_not_left_behind(
    daemon: DockerDaemon, provider: DockerProvider, make_engine: MakeEngine
) -> None:
    engine = make_engine(provider, spare_count=0)
    for is_built in (False, True):
        if is_built:
            await engine.prepare(setup_of(ADD).program.bundle)
        daemon.starts_nothing = True
        with pytest.raises(SandboxUnavailable, match="out of reach"):
            await engine.run(setup_of(ADD), {"a": 1, "b": 2})
        assert not daemon.containers
        daemon.starts_nothing = False
    assert len(daemon.every_container) == 3


async def test_a_network_is_refused_unless_one_is_named(daemon: DockerDaemon, make_engine: MakeEngine) -> None:
    engine = make_engine(DockerProvider("me", image=IMAGE, base_url=daemon.url))
    for network, words in (("on", "has no network"), (("api.example.com",), "a list of hosts")):
        with pytest.raises(SandboxUnavailable, match=words):
            await engine.prepare(setup_of(ADD, network=network).program.bundle)
    assert (await engine.capabilities()).networks == ("off",)


async def test_the_named_network_and_runtime_are_used(
    daemon: DockerDaemon, make_engine: MakeEngine, tmp_path: Path
) -> None:
    root = str(tmp_path / "root")
    provider = DockerProvider("me", image=IMAGE, base_url=daemon.url, root=root, network="public", runtime="runsc")
    engine = make_engine(provider, spare_count=0)
    outcome = await engine.run(setup_of(ADD, network="on"), {"a": 1, "b": 2})
    host = daemon.every_container[-1].asked["HostConfig"]
    assert (host["NetworkMode"], host["Runtime"]) == ("public", "runsc")
    assert outcome.isolation is not None
    assert outcome.isolation.weaker == ()


async def test_without_a_daemon_it_says_what_to_do(make_engine: MakeEngine) -> None:
    # Not a Unix socket: the SDK leaves one open that it could not connect.
    engine = make_engine(DockerProvider("me", base_url="tcp://127.0.0.1:9"))
    problem = (await engine.capabilities()).problem
    assert problem is not None
    assert "Start Docker" in problem
    with pytest.raises(SandboxUnavailable, match="Start Docker"):
        await engine.run(setup_of(ADD), {"a": 1, "b": 2})


async def test_without_the_sdk_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, make_engine: MakeEngine
) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    problem = (await make_engine(DockerProvider("me")).capabilities()).problem
    assert problem is not None
    assert "pip install 'jinba-mcp[docker]'" in problem


async def test_what_the_daemon_says_in_anger_stays_in_the_log(
    daemon: DockerDaemon, provider: DockerProvider, make_engine: MakeEngine
) -> None:
    engine = make_engine(provider)
    await engine.capabilities()
    daemon.is_broken = True
    with pytest.raises(SandboxUnavailable) as caught:
        await engine.run(setup_of(ADD), {"a": 1, "b": 2})
    assert "10.1.2.3" not in caught.value.message
    daemon.is_broken = False


async def test_an_image_that_was_pruned_is_built_anew(
    daemon: DockerDaemon, provider: DockerProvider, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(provider, spare_count=0)
    assert (await engine.run(setup_of(ADD), {"a": 1, "b": 2})).output == {"sum": 3}
    started, failures = provider._started, [ProviderFailed("no such image")]

    def once(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return started(*arguments)

    monkeypatch.setattr(provider, "_started", once)
    with pytest.raises(SandboxUnavailable):
        await engine.run(setup_of(ADD), {"a": 1, "b": 2})
    assert provider._built == set()

    assert (await engine.run(setup_of(ADD), {"a": 1, "b": 2})).output == {"sum": 3}


class Removing:
    """A container that the daemon says this of when it is to be removed."""

    def __init__(self, status: int) -> None:
        self._status = status

    def remove(self, **_options: bool) -> None:
        response = requests.Response()
        response.status_code = self._status
        kind = docker_sdk.errors.NotFound if self._status == 404 else docker_sdk.errors.APIError
        raise kind("no", response=response)


def test_a_container_that_goes_already_is_left_to_it() -> None:
    docker._remove(Removing(404))
    docker._remove(Removing(409))
    with pytest.raises(docker_sdk.errors.APIError):
        docker._remove(Removing(500))


def test_a_container_that_ends_before_it_is_asked_is_gone() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(MachineGone):
        docker._converse(SimpleNamespace(_sock=ours, close=ours.close), b"x", print, 5)
