"""What probes and scrapers see."""

import sqlite3
from contextlib import closing

from tests.faces.rest.conftest import Rest, Serve


async def test_a_living_process_says_so(rest: Rest) -> None:
    assert (await rest.ask("GET", "/healthz?from=probe")).json() == {"status": "ok"}


async def test_a_ready_process_says_what_it_works_with(rest: Rest) -> None:
    response = await rest.ask("GET", "/readyz")
    found = response.json()
    assert (response.status_code, found["isReady"], found["engines"], found["problem"]) == (
        200,
        True,
        ["inprocess"],
        None,
    )
    assert found["schemaRevision"]


async def test_metrics_count_requests_and_runs(rest: Rest) -> None:
    await rest.push()
    await rest.ask("POST", "/v1/orgs/default/toolsets/greeting-tools/tools/greet/run", "execute", json={"name": "Al"})
    response = await rest.ask("GET", "/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'jinba_runs_total{source="rest",status="success"} 1.0' in response.text
    template = 'route="/v1/orgs/{org}/toolsets/{slug}/tools/{tool}/run"'
    assert f'jinba_http_requests_total{{method="POST",{template},status="200"}} 1.0' in response.text


async def test_a_process_whose_database_has_no_schema_is_not_ready(serve: Serve, sqlite_url: str) -> None:
    async with serve(sqlite_url) as rest:
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
            connection.execute("DROP TABLE alembic_version")
            connection.commit()
        response = await rest.ask("GET", "/readyz", checked=False)
    assert response.status_code == 503
    assert response.json()["isReady"] is False
