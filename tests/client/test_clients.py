"""Opening a client, and calls through it to the real REST face."""

import pickle
import subprocess
import sys

import httpx2
import pytest

from jinba_mcp.client import AsyncJinba, Jinba, NotFound, Unauthenticated
from tests.client.conftest import Open, Script
from tests.faces.rest.conftest import Rest

SECRET = "jtb_" + "s" * 49


async def test_a_tool_is_run_and_found_on_record(rest: Rest, opened: Open) -> None:
    await rest.push()
    async with opened("read", "execute") as jinba:
        result = await jinba.run("greeting-tools", "greet", {"name": "Alice"})
        assert (result["success"], result["output"]) == (True, {"greeting": "Hello, Alice!"})
        record = await jinba.runs.get(result["runId"])
        assert (record["input"], record["client"]) == ({"name": "Alice"}, "jinba-mcp-client")
        who = await jinba.me()
    assert who["organization"] is not None
    assert (who["organization"]["slug"], sorted(who["scopes"])) == ("default", ["execute", "read"])


async def test_the_organizations_of_a_key_are_listed(opened: Open) -> None:
    async with opened("read") as jinba:
        assert [each["slug"] async for each in jinba.organizations.list()] == ["default"]
        assert (await jinba.organizations.get())["slug"] == "default"
        with pytest.raises(NotFound):
            await jinba.organizations.get("other")


async def test_a_missing_key_is_said_by_the_server(rest: Rest) -> None:
    async with AsyncJinba(rest.base_url, transport=httpx2.ASGITransport(app=rest.app)) as jinba:
        with pytest.raises(Unauthenticated) as refused:
            await jinba.me()
    assert refused.value.code == "key.missing"


async def test_address_and_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_URL", "https://tools.test/v1/")
    monkeypatch.setenv("JINBA_API_KEY", SECRET)
    script = Script([httpx2.Response(200, json={})])
    async with AsyncJinba(transport=httpx2.MockTransport(script._answer), user_agent="ours 1.0") as jinba:
        assert jinba.url == "https://tools.test"
        await jinba.me()
    (request,) = script.requests
    assert request.headers["User-Agent"] == "ours 1.0"
    assert (str(request.url), request.headers["Authorization"]) == ("https://tools.test/v1/me", f"Bearer {SECRET}")


@pytest.mark.parametrize(
    "url",
    [
        "tools.test",
        "ftp://tools.test",
        "https://",
        "https://u:p@tools.test",
        "https://tools.test/?a=b",
        "https://[::1",
        "https://tools.test:65536",
        "https://tools.test:http",
        "https://tools.test\n",
        "https://u:hunter2/@tools.test",
        "https://u:hunter2#@tools.test",
        "https://u:hunter2\uff20tools.test",
    ],
)
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="address") as refused:
        AsyncJinba(url)
    assert type(refused.value) is ValueError, "its subclasses are faults of ours"
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("key", [f"{SECRET}\n", f"{SECRET} x", f"{SECRET}ü"])
def test_what_is_no_key_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match="copied whole") as refused:
        Jinba(api_key=key)
    assert SECRET not in str(refused.value)


async def test_the_key_is_in_no_description_of_the_client() -> None:
    async with AsyncJinba(api_key=SECRET) as jinba:
        shown = [repr(jinba), repr(vars(jinba._exchange)), repr(Jinba(api_key=SECRET))]
    assert shown[0] == "AsyncJinba('http://127.0.0.1:8700', organization='default')"
    assert SECRET not in "".join(shown)


async def test_a_client_is_used_while_it_is_open_and_opened_once() -> None:
    jinba = AsyncJinba()
    with pytest.raises(RuntimeError, match="async with"):
        await jinba.me()
    async with jinba:
        with pytest.raises(RuntimeError, match="once"):
            await jinba.__aenter__()


def test_the_blocking_client_gives_the_same_answers() -> None:
    answers = [{"success": True, "output": 5}, {"data": [{"id": "run_1"}], "nextCursor": None}]
    script = Script(httpx2.Response(200, json=answer) for answer in answers)
    with Jinba("http://jinba.test", organization="acme", transport=httpx2.MockTransport(script._answer)) as jinba:
        assert jinba.run("math", "add", {"a": 2, "b": 3}, version="1.0.0")["output"] == 5
        assert [run["id"] for run in jinba.runs.list()] == ["run_1"]
        assert (jinba.url, jinba.organization) == ("http://jinba.test", "acme")
    paths = [request.url.path for request in script.requests]
    assert paths == ["/v1/orgs/acme/toolsets/math/tools/add/run", "/v1/orgs/acme/runs"]
    assert script.requests[0].content == b'{"input":{"a":2,"b":3},"version":"1.0.0"}'


def test_the_blocking_client_raises_what_the_other_raises() -> None:
    said = {"status": 404, "code": "run.not_found", "detail": "No run.", "requestId": "r"}
    script = Script([httpx2.Response(404, json=said)])
    with Jinba("http://jinba.test", transport=httpx2.MockTransport(script._answer)) as jinba:
        with pytest.raises(NotFound) as refused:
            jinba.runs.get("run_1")
        with pytest.raises(RuntimeError, match="once"):
            jinba.__enter__()
    again = pickle.loads(pickle.dumps(refused.value))  # noqa: S301  our own
    assert (type(again), str(again), again.code) == (NotFound, "No run.", "run.not_found")
    with pytest.raises(RuntimeError, match="once"):
        Jinba().me()


def test_importing_the_client_loads_neither_the_server_nor_what_talks() -> None:
    script = "import sys, jinba_mcp.client; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    names = set(loaded.stdout.split())
    ours = {name for name in names if name.startswith("jinba_mcp.") and not name.startswith("jinba_mcp.client")}
    assert ours == set()
    assert names & {"httpx2", "anyio", "asyncio", "pydantic", "starlette"} == set()
