"""What the settings make of engines, limits and keys; nothing is started before somebody asks for it."""

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jinba_mcp import app as composition
from jinba_mcp import engines, serving, workshop
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.core.sealing import new_key
from jinba_mcp.domain.errors import Invalid, SandboxUnavailable
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.sandbox.engine import Bundle
from jinba_mcp.sandbox.local import selftest
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.remote.docker import DockerProvider
from jinba_mcp.sandbox.wasm import components
from jinba_mcp.settings import Settings

MB = 1024 * 1024
TOOL = SourceTool(slug="greet", code="def run(): return 1", input_schema={"type": "object"})


def configured(tmp_path: Path, **settings: Any) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path / "data", "load_toolsets": False, **settings})


async def test_making_it_all_leaves_the_disk_alone(tmp_path: Path) -> None:
    async with workshop.working(configured(tmp_path), is_server=True) as made:
        assert made.engines.names == ["inprocess", "local"]
    assert not (tmp_path / "data").exists()


async def test_settings_are_the_defaults_and_the_ceilings_of_runs(tmp_path: Path) -> None:
    settings = configured(
        tmp_path, run_timeout_s=5, run_memory_mb=64, run_output_bytes=2048, run_log_bytes=100,
        max_timeout_s=10, max_memory_mb=128, max_tmp_mb=16,
    )  # fmt: skip
    async with workshop.working(settings, is_server=True) as made:
        usual = made.allowance.limits(Sandbox())
        most = made.allowance.limits(Sandbox(timeout_s=900, memory_mb=16_384, tmp_mb=4_096, cpu_s=900))
    assert (usual.timeout_s, usual.cpu_s, usual.memory_bytes) == (5, 5, 64 * MB)
    assert (usual.output_bytes, usual.log_bytes, usual.tmp_bytes) == (2048, 100, 16 * MB)
    assert (most.timeout_s, most.cpu_s, most.memory_bytes, most.tmp_bytes) == (10, 10, 128 * MB, 16 * MB)


async def test_settings_say_what_is_kept_of_runs_and_for_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINBA_REDACT_PATTERNS", r'["sk-[a-z]{3,5}", "\\d{16}"]')
    for settings, age, count in (
        (configured(tmp_path, run_retention_days=0, run_retention_count=0), None, None),
        (Settings(data_dir=tmp_path, stored_output_bytes=100), timedelta(days=90), 1_000_000),
    ):
        async with workshop.working(settings, is_server=True) as made:
            keeping = made.keeper.keeping
        assert (keeping.max_age, keeping.max_count) == (age, count)
    assert keeping.patterns == ("sk-[a-z]{3,5}", r"\d{16}")
    assert keeping.output_bytes == 100


async def test_a_pattern_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="redact"):
        async with workshop.working(configured(tmp_path, redact_patterns=("(a",)), is_server=True):
            pass


async def test_a_sandbox_that_there_is_not_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no provider 'podman'; there are: docker, e2b, daytona"):
        async with workshop.working(configured(tmp_path, sandbox_providers="podman"), is_server=True):
            pass


async def test_further_sandboxes_are_there_when_the_operator_names_them(tmp_path: Path) -> None:
    async with workshop.working(configured(tmp_path, sandbox_providers="docker,e2b"), is_server=True) as made:
        assert made.engines.names == ["docker", "e2b", "inprocess", "local"]


async def test_secrets_are_sealed_with_the_given_key_or_one_in_a_private_file(tmp_path: Path) -> None:
    async with workshop.working(configured(tmp_path, secret_key=new_key()), is_server=True) as made:
        made.keyring.seal("value", "place")
    assert not (tmp_path / "data").exists()
    async with workshop.working(configured(tmp_path), is_server=True) as made:
        made.keyring.seal("value", "place")
    assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o777 == 0o600


async def test_unsafe_is_said_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with workshop.working(configured(tmp_path, sandbox="unsafe"), is_server=True) as made:
        with caplog.at_level(logging.WARNING):
            found = (await made.engines.capabilities())["local"]
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "JINBA_SANDBOX=unsafe" in caplog.text
        assert (found.isolation.level.value, found.isolation.weaker, found.problem) == ("none", ("everything",), None)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"sandbox_min": "strong"},
            "only `contained` here, and JINBA_SANDBOX_MIN asks for `strong`: namespaces: EPERM (",
        ),
        ({"sandbox": "unsafe", "sandbox_min": "wasm"}, "JINBA_SANDBOX=unsafe contradicts JINBA_SANDBOX_MIN=wasm"),
        ({"sandbox": "wasm"}, "JINBA_SANDBOX=wasm does not work here"),
    ],
)
async def test_less_isolation_than_asked_for_refuses_every_run_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str
) -> None:
    in_a_container = {Tier.NAMESPACES: "EPERM", Tier.BWRAP: "it is not installed", Tier.LANDLOCK: None}
    monkeypatch.setattr(selftest, "_findings", in_a_container)
    monkeypatch.setattr(components, "missing", lambda: "wasmtime not installed")
    async with composition.opened(configured(tmp_path, **settings)) as app:
        await app.store.upgrade()
        await app.core.organizations.ensure_default()
        operator = await app.core.organizations.operator("default")
        await app.core.versions.push(operator, "default", Source(slug="greeting-tools", tools=(TOOL,)))
        issued = await app.core.keys.issue(operator, "default", KeyTerms(name="k", scopes=(Scope.EXECUTE,)))
        asgi = httpx2.ASGITransport(app=serving.web(app, Metrics()).asgi)
        async with httpx2.AsyncClient(transport=asgi, base_url="http://localhost") as client:
            path = "/v1/orgs/default/toolsets/greeting-tools/tools/greet/run"
            answer = await client.post(path, json={}, headers={"Authorization": f"Bearer {issued.secret}"})
            ready = await client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "sandbox.unavailable")
    assert said in answer.json()["detail"]
    local = next(each for each in ready.json()["sandboxes"] if each["name"] == "local")
    assert said in local["problem"]


async def test_a_server_knows_its_remote_sandboxes_again_and_takes_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[str] = []
    chosen: list[dict[str, str]] = []

    class Provider(DockerProvider):
        def __init__(self, owner: str, **options: Any) -> None:
            super().__init__(owner, **options)
            owners.append(owner)
            chosen.append(options)

    monkeypatch.setattr(engines, "PROVIDERS", {"docker": Provider})
    server, command = True, False
    for folder, is_server in (("a", server), ("a", server), ("b", server), ("a", command)):
        settings = configured(tmp_path / folder, sandbox_providers="docker")
        async with workshop.working(settings, is_server=is_server):
            pass
    first, again, other, of_a_command = owners
    assert first == again
    assert len({first, other, of_a_command}) == 3
    assert chosen == [{}] * 4


async def test_processes_of_one_server_take_no_remote_sandboxes_from_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[str] = []

    class Provider(DockerProvider):
        def __init__(self, owner: str, **options: Any) -> None:
            super().__init__(owner, **options)
            owners.append(owner)

    monkeypatch.setattr(engines, "PROVIDERS", {"docker": Provider})
    settings = configured(tmp_path, sandbox_providers="docker")
    async with workshop.working(settings, is_server=True), workshop.working(settings, is_server=True):
        assert len(set(owners)) == 2
    async with workshop.working(settings, is_server=True), workshop.working(settings, is_server=True):
        assert owners[2:] == owners[:2]


async def test_docker_is_made_as_the_operator_set_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[dict[str, str]] = []

    class Provider(DockerProvider):
        def __init__(self, owner: str, **options: Any) -> None:
            super().__init__(owner, **options)
            chosen.append(options)

    monkeypatch.setattr(engines, "PROVIDERS", {"docker": Provider})
    wished = {"image": "python:3.13", "runtime": "runsc", "network": "outside"}
    settings = configured(
        tmp_path, sandbox_providers="docker", **{f"docker_{name}": value for name, value in wished.items()}
    )
    async with workshop.working(settings, is_server=True):
        pass

    assert chosen == [wished]


async def test_code_is_refused_while_nothing_can_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "missing", lambda: "wasmtime not installed")
    monkeypatch.setattr(selftest, "_findings", {})
    async with workshop.working(configured(tmp_path, sandbox="wasm"), is_server=True) as made:
        engine = made.engines._engines["local"]
        with pytest.raises(SandboxUnavailable, match="Code cannot be run here"):
            await engine.prepare(Bundle(digest="sha256:1", toolset="t", language="python"))
        assert json.loads((await engine.capabilities()).model_dump_json())["languages"] == []
