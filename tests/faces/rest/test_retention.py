"""Retention over REST: what an organization says of how long its runs are kept, and what it may not say."""

from typing import Any

import pytest

from tests.faces.rest.conftest import Rest

RETENTION = "/v1/orgs/default/retention"


async def test_what_is_said_is_shown_beside_what_the_server_keeps(rest: Rest) -> None:
    nothing = {"days": None, "count": None, "maxDays": None, "maxCount": None}
    assert (await rest.ask("GET", RETENTION, "read")).json() == nothing
    said = await rest.ask("PUT", RETENTION, "admin", json={"days": 30, "count": 1_000})
    assert (said.status_code, said.json()) == (200, {**nothing, "days": 30, "count": 1_000})
    assert (await rest.ask("GET", RETENTION, "read")).json() == said.json()
    assert (await rest.ask("PUT", RETENTION, "admin", json={"days": 7.0})).json() == {**nothing, "days": 7}
    assert (await rest.ask("PUT", RETENTION, "admin", json={"days": None})).json() == nothing


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"days": 0}, "/days"),
        ({"days": 36_501}, "/days"),
        ({"days": "7"}, "/days"),
        ({"days": 1.5}, "/days"),
        ({"count": -1}, "/count"),
        ({"count": True}, "/count"),
        ({"count": 2**70}, "/count"),
        ({"weeks": 1}, "/weeks"),
    ],
)
async def test_what_cannot_be_meant_is_refused(rest: Rest, body: dict[str, Any], pointer: str) -> None:
    refused = await rest.ask("PUT", RETENTION, "admin", json=body)
    assert refused.status_code == 400
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]
    assert (await rest.ask("GET", RETENTION, "read")).json()["days"] is None
