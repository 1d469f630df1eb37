"""The HTTP faces over an open application, and a canary that must not reach the log."""

import io
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from jinba_mcp import app as composition
from jinba_mcp import at_hand, logs, serving
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.toolsets import Listing
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.settings import Settings

CANARY = "canary-7f3a9c"
ECHO = f"""
def run(text: str) -> dict:
    print(text)
    if text == "fail-{CANARY}":
        raise ValueError(text)
    return {{"text": text}}
"""


Served = Callable[..., AbstractAsyncContextManager[tuple[composition.App, httpx2.AsyncClient]]]


@pytest.fixture
def served(migrated_sqlite_file: Path) -> Served:
    """`async with served(data_dir, **settings) as (app, client)`, on a database that is up to date."""

    @asynccontextmanager
    async def opened(data_dir: Path, **settings: object) -> AsyncIterator[tuple[composition.App, httpx2.AsyncClient]]:
        metrics = Metrics()
        data_dir.mkdir(exist_ok=True)  # noqa: ASYNC240  a moment
        shutil.copyfile(migrated_sqlite_file, data_dir / "jinba.db")
        configured = Settings.model_validate({"data_dir": data_dir, **settings})
        async with composition.opened(configured, observe=metrics.observe_run) as app:
            await app.core.organizations.ensure_default()
            transport = httpx2.ASGITransport(app=serving.web(app, metrics).asgi)
            async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
                yield app, client

    return opened


async def test_all_faces_hang_on_one_app(tmp_path: Path, served: Served) -> None:
    async with served(tmp_path) as (_, client):
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/v1/me")).status_code == 401
        assert (await client.post("/mcp", json={})).status_code == 401
        assert "jinba_" in (await client.get("/metrics")).text


async def test_a_tool_that_names_no_provider_runs_behind_walls(tmp_path: Path, served: Served) -> None:
    async with served(tmp_path, load_toolsets=False) as (app, client):
        (local,) = (each for each in (await client.get("/readyz")).json()["sandboxes"] if each["name"] == "local")
        if local["problem"] is not None and os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") != "1":
            pytest.skip(f"no walls here: {local['problem']}")
        owner = await app.core.organizations.operator("default")
        terms = KeyTerms(name="test", scopes=(Scope.READ, Scope.EXECUTE))
        client.headers["Authorization"] = f"Bearer {(await app.core.keys.issue(owner, 'default', terms)).secret}"
        tool = SourceTool(slug="add", code="def run(a: int) -> int: return a + 1")
        await app.core.versions.push(owner, "default", Source(slug="sums", tools=(tool,)))
        answer = await client.post("/v1/orgs/default/toolsets/sums/tools/add/run", json={"input": {"a": 1}})
        record = await client.get(f"/v1/orgs/default/runs/{answer.json()['runId']}")
    assert (record.json()["output"], record.json()["isolation"]["provider"]) == (2, "local")


async def test_at_hand_it_is_rest_in_the_name_of_the_operator_and_on_record_as_such(
    tmp_path: Path, served: Served
) -> None:
    async with served(tmp_path, load_toolsets=False, organization_requests_per_minute=1) as (app, _):
        owner = await app.core.organizations.operator("default")
        tool = SourceTool(slug="add", code="def run(a: int) -> int: return a + 1")
        source = Source(slug="sums", tools=(tool,), sandbox=Sandbox(provider="inprocess"))
        await app.core.versions.push(owner, "default", source)
        asgi = at_hand.rest(app, owner, base_url="https://tools.example.com")
        transport = httpx2.ASGITransport(app=asgi)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost/v1/orgs/default") as client:
            answer = await client.post("/toolsets/sums/tools/add/run", json={"input": {"a": 1}})
            record = (await client.get(f"/runs/{answer.json()['runId']}")).json()
            key = (await client.post("/api-keys", json={"name": "n"})).json()
            (entry, *_) = (await client.get("/audit-log")).json()["data"]
    assert (record["output"], record["source"], record["keyId"]) == (2, "console", None)
    assert key["apiBaseUrl"] == "https://tools.example.com/v1"
    assert (entry["action"], entry["actor"], entry["address"]) == ("key.created", "operator", None)


@pytest.mark.parametrize("form", ["text", "json"])
async def test_arguments_results_and_keys_never_reach_the_log(tmp_path: Path, served: Served, form: str) -> None:
    log = io.StringIO()
    before = logging.getLogger().handlers[:]
    logs.configure("debug", form, log)  # type: ignore[arg-type]  # a literal
    try:
        async with served(tmp_path) as (app, client):
            operator = await app.core.organizations.operator("default")
            source = Source(
                slug="echo-tools", tools=(SourceTool(slug="echo", code=ECHO),), listing=Listing(mcp_enabled=True)
            )
            await app.core.versions.push(operator, "default", source)
            issued = await app.core.keys.issue(operator, "default", KeyTerms(name="k", scopes=(Scope.ADMIN,)))
            headers = {"Authorization": f"Bearer {issued.secret}"}
            for body in ({"text": CANARY}, {"text": f"fail-{CANARY}"}, {"wrong": CANARY}, {"text": [CANARY]}):
                await client.post("/v1/orgs/default/toolsets/echo-tools/tools/echo/run", json=body, headers=headers)
            await client.get(f"/v1/me?{CANARY}", headers={"X-API-Key": f"jtb_{CANARY}"})
            await client.post("/mcp", content=f'{{"{CANARY}": "{CANARY}"', headers=headers)
    finally:
        logging.getLogger().handlers[:] = before
        logging.getLogger().setLevel(logging.WARNING)
    said = log.getvalue()
    assert "run.finished" in said
    assert CANARY not in said
    assert issued.secret not in said


async def test_who_may_sign_up_is_the_operators_to_say(tmp_path: Path, served: Served) -> None:
    body = {"email": "ada@example.com", "name": "Ada", "password": "lantern-otter-crossing"}
    for number, (settings, status) in enumerate([({}, 403), ({"sign_up": "off"}, 403), ({"sign_up": "open"}, 201)]):
        async with served(tmp_path / str(number), **settings) as (_, client):
            assert (await client.post("/v1/auth/sign-up", json=body)).status_code == status, settings


@pytest.mark.parametrize(("fails", "status"), [("closed", 503), ("open", 401)])
async def test_while_redis_is_away_limited_requests_wait_or_pass_as_the_operator_says(
    tmp_path: Path, served: Served, fails: str, status: int
) -> None:
    async with served(tmp_path, limits_url="redis://127.0.0.1:1", limits_fail=fails) as (_, client):
        answer = await client.get("/v1/me")
    assert answer.status_code == status
