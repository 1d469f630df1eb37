"""The composition root: what settings become, and a canary that must not reach the log."""

import io
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from jinba_mcp import app as composition
from jinba_mcp import logs
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.core.toolsets import Source, SourceTool
from jinba_mcp.domain.scopes import Scope
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


@asynccontextmanager
async def served(tmp_path: Path, **settings: object) -> AsyncIterator[tuple[composition.App, httpx2.AsyncClient]]:
    metrics = Metrics()
    configured = Settings.model_validate({"data_dir": tmp_path, **settings})
    async with composition.opened(configured, observe=metrics.observe_run) as app:
        await app.store.upgrade()
        await app.core.organizations.ensure_default()
        asgi = composition.web(app, metrics).asgi
        transport = httpx2.ASGITransport(app=asgi)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield app, client


async def test_the_data_directory_is_private(tmp_path: Path) -> None:
    async with served(tmp_path / "data"):
        pass
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / "jinba.db").stat().st_mode & 0o777 == 0o600


async def test_all_faces_hang_on_one_app(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, client):
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/v1/me")).status_code == 401
        assert (await client.post("/mcp", json={})).status_code == 401
        assert "jinba_" in (await client.get("/metrics")).text


async def test_the_shipped_folders_are_found_and_may_be_replaced_or_left_out(tmp_path: Path) -> None:
    assert (composition.shipped_toolsets() / "greeting-tools" / "toolset.yml").is_file()
    assert composition.toolsets_roots(Settings(data_dir=tmp_path)) == (composition.shipped_toolsets(),)
    assert composition.toolsets_roots(Settings(toolsets_dirs=(tmp_path,))) == (tmp_path,)
    assert composition.toolsets_roots(Settings(load_toolsets=False)) == ()


@pytest.mark.parametrize("form", ["text", "json"])
async def test_arguments_results_and_keys_never_reach_the_log(tmp_path: Path, form: str) -> None:
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
