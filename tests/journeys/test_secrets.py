"""Secrets reach the next run, and stay in nothing that a run leaves behind."""

import hashlib
import secrets

import anyio
import pytest

from tests.journeys.houses import WITHIN_S, House, run_path

pytestmark = pytest.mark.slow  # each waits for a server with many ToolSets

both = pytest.mark.parametrize("toolset", ["plain-tools", "plain-scripts"])


def a_secret() -> str:
    """With what JSON, Python and SQL write in other ways."""
    return f"s3cr3t'\"\\é-{secrets.token_hex(8)}"


def seen(house: House, toolset: str, key: str = "TOKEN") -> str | None:
    """What a run has in its environment, as a hash."""
    found: str | None = house.run(f"{toolset}/peek")["output"].get(key)
    return found


def hashed(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def everything_stored(house: House) -> bytes:
    """Every byte that the server has on disk: database, journal and log."""
    files = list((house.place.folder / "data").glob("jinba.db*"))
    assert files
    return b"".join(path.read_bytes() for path in files) + house.server.log.read_bytes()


@both
def test_a_secret_acts_on_the_next_run_of_a_warm_tool_and_so_does_its_removal(house: House, toolset: str) -> None:
    first, second = a_secret(), a_secret()
    assert seen(house, toolset) is None
    house.set_secret(toolset, first)
    assert seen(house, toolset) == hashed(first)
    house.set_secret(toolset, second)
    assert seen(house, toolset) == hashed(second)
    assert seen(house, "other-tools") is None
    assert house.ask("DELETE", f"/toolsets/{toolset}/env/TOKEN").status_code == 204
    assert seen(house, toolset) is None


@both
async def test_a_secret_is_masked_wherever_a_run_shows_it(house: House, toolset: str) -> None:
    secret = a_secret()
    house.set_secret(toolset, secret)
    try:
        answer = house.ask("POST", run_path(f"{toolset}/shout"), body={})
        with anyio.fail_after(WITHIN_S):
            async with house.client(toolset) as client:
                result = await client.call_tool("shout", {})
        run = answer.json()
        record = house.record(run["runId"])
    finally:
        house.ask("DELETE", f"/toolsets/{toolset}/env/TOKEN")
    assert run["error"]["message"] == "*** is wrong"
    assert "*** is wrong" in run["error"]["traceback"]
    assert run["logs"]["stdout"] == ["the token is ***"]
    assert "***" in run["logs"]["stderr"][0]
    (block,) = result.content
    assert result.is_error
    assert "*** is wrong" in block.model_dump_json()
    core_of_it = secret.rpartition("-")[2]
    for shown in (answer.text, str(record), result.model_dump_json(), house.ask("GET", "/runs").text):
        assert core_of_it not in shown
    assert core_of_it.encode() not in everything_stored(house)


def test_a_secret_that_is_printed_by_code_that_dies_before_its_call_is_masked(house: House) -> None:
    secret = a_secret()
    house.set_secret("plain-tools", secret)
    try:
        answer = house.ask("POST", run_path("plain-tools/die-loading"), body={})
        newest = house.ask("GET", "/runs?limit=1")
    finally:
        house.ask("DELETE", "/toolsets/plain-tools/env/TOKEN")
    assert newest.json()["data"][0]["status"] == "failed"
    core_of_it = secret.rpartition("-")[2]
    assert core_of_it not in answer.text
    assert core_of_it not in newest.text
    assert core_of_it.encode() not in everything_stored(house)


async def test_a_secret_is_masked_in_progress(house: House) -> None:
    secret = a_secret()
    heard: list[tuple[float, float | None, str | None]] = []
    house.set_secret("plain-tools", secret)

    async def note(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    try:
        with anyio.fail_after(WITHIN_S):
            async with house.client("plain-tools") as client:
                await client.call_tool("whisper", {}, progress_callback=note)
    finally:
        house.ask("DELETE", "/toolsets/plain-tools/env/TOKEN")
    assert heard == [(1, 1, "the token is ***")]


async def test_secrets_survive_a_new_key_while_the_server_runs(house: House) -> None:
    before, after = a_secret(), a_secret()
    house.set_secret("other-tools", before)
    assert seen(house, "other-tools") == hashed(before)
    async with house.core() as core:
        rotated = await core.env.rotate(await core.organizations.operator("default"))
    assert rotated.resealed_count >= 1
    assert seen(house, "other-tools") == hashed(before)
    house.set_secret("other-tools", after)
    assert seen(house, "other-tools") == hashed(after)
    assert house.ask("DELETE", "/toolsets/other-tools/env/TOKEN").status_code == 204


@both
def test_a_plain_variable_is_no_secret(house: House, toolset: str) -> None:
    house.ask("PUT", f"/toolsets/{toolset}/env/REGION", body={"value": "eu"})
    assert seen(house, toolset, "REGION") == hashed("eu")
    assert house.ask("DELETE", f"/toolsets/{toolset}/env/REGION").status_code == 204
