"""The audit log over REST."""

import json

import pytest

from jinba_mcp.core.keys import KeyTerms
from tests.faces.rest.conftest import Rest

LOG = "/v1/orgs/default/audit-log"
KEYS = "/v1/orgs/default/api-keys"


async def issue(rest: Rest, name: str) -> str:
    made = await rest.ask("POST", KEYS, "admin", json={"name": name}, headers={"X-Request-Id": "r-1"})
    key_id: str = made.json()["id"]
    return key_id


async def test_a_change_is_told_with_who_made_it_and_what_it_left(rest: Rest) -> None:
    key_id = await issue(rest, "Laptop")
    (entry,) = (await rest.ask("GET", f"{LOG}?target={key_id}", "admin")).json()["data"]
    assert (entry["action"], entry["actor"], entry["keyName"]) == ("key.created", "organization", "test")
    assert (entry["before"], entry["after"]["name"]) == (None, "Laptop")
    assert entry["digest"].startswith("sha256:")
    assert "jtb_" not in json.dumps(entry["after"]).replace(entry["after"].get("prefix", "-"), "")


async def test_pages_go_back_in_time_and_filters_narrow_them(rest: Rest) -> None:
    ids = [await issue(rest, name) for name in ("one", "two", "three")]
    query = f"{LOG}?action=key.created&limit=2"
    first = (await rest.ask("GET", query, "admin")).json()
    second = (await rest.ask("GET", f"{query}&cursor={first['nextCursor']}", "admin")).json()
    assert [entry["target"] for entry in first["data"] + second["data"]][:3] == ids[::-1]
    nobody = await rest.ask("GET", f"{LOG}?actor=user_0", "admin")
    assert nobody.json() == {"data": [], "nextCursor": None}
    future = await rest.ask("GET", f"{LOG}?since=2100-01-01T00:00:00Z", "admin")
    assert future.json()["data"] == []


@pytest.mark.slow  # two hundred transactions
async def test_all_of_it_comes_as_json_lines(rest: Rest) -> None:
    for number in range(205):
        await rest.core.keys.issue(
            await rest.core.organizations.operator("default"), "default", _terms(f"key {number}")
        )
    by_query = await rest.ask("GET", f"{LOG}?format=jsonl&limit=1&action=key.created", "admin", checked=False)
    accept = {"Accept": "application/x-ndjson"}
    by_header = await rest.ask("GET", f"{LOG}?action=key.created", "admin", checked=False, headers=accept)
    assert by_query.headers["content-type"].startswith("application/x-ndjson")
    assert by_query.text == by_header.text
    entries = [json.loads(line) for line in by_query.text.splitlines()]
    assert len(entries) == 206
    sequences = [entry["sequence"] for entry in entries]
    assert sequences == sorted(sequences, reverse=True)


def _terms(name: str) -> KeyTerms:
    return KeyTerms(name=name)


async def test_what_cannot_be_is_refused_before_the_first_line(rest: Rest) -> None:
    for query in ("format=xml", "cursor=eA", "format=jsonl&cursor=eA", "since=yesterday", "colour=red"):
        assert (await rest.ask("GET", f"{LOG}?{query}", "admin")).status_code == 400, query
    assert (await rest.ask("GET", f"{LOG}?format=jsonl", "write")).status_code == 403
    assert (await rest.ask("GET", "/v1/orgs/other/audit-log", "admin")).status_code == 404
