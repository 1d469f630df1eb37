"""The fast lane beside the SDK, which is the reference: the same requests, the same answers, the same runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.types import Message

from jinba_mcp.core.catalog import Endpoint, ToolSetRef
from jinba_mcp.core.limits import Limits
from jinba_mcp.domain.errors import NotFound
from jinba_mcp.domain.ids import RunId
from jinba_mcp.domain.limits import Quota, Quotas
from jinba_mcp.domain.runs import Run, RunSource
from jinba_mcp.faces.mcp import lane, translate
from jinba_mcp.faces.mcp.asked import Asked
from jinba_mcp.faces.mcp.listeners import Listeners
from jinba_mcp.faces.mcp.server import McpServer
from jinba_mcp.faces.mcp.session import Session, uncounted
from jinba_mcp.faces.web import watching
from jinba_mcp.storage.counters import MemoryCounters
from tests.faces.mcp.asking import ASKS, LATEST, MODERN, SOURCE, Ask, Heard, asked, heard
from tests.faces.mcp.endpoints import TOOLSET, serving
from tests.worlds import World

VERSIONS = [MODERN, LATEST]
BATCH = st.lists(ASKS, min_size=20, max_size=20)


def generated(max_examples: int) -> settings:
    return settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # what fails is one request of a batch, which the assertion shows as it is
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def told(run: Run) -> tuple[Any, ...]:
    """What a run's record says of the request."""
    return run.tool_slug, run.status, run.input, run.output, run.error, run.client, run.source, run.request_id


async def alike(world: World, asks: list[Ask]) -> None:
    """Ask with the lane and without, and hold the answers and the runs against each other."""
    try:
        await world.core.toolsets.get(world.operator, "default", SOURCE.slug)
    except NotFound:
        await world.core.versions.push(world.operator, "default", SOURCE)
    async with serving(world) as fast, serving(world, has_lane=False) as slow:
        secret = await fast.secret()
        for ask in asks:
            answers: list[tuple[Heard, list[Any]]] = []
            for served in (fast, slow):
                before = len(world.observed)
                answer = await heard(served.app, ask, secret)
                answers.append((answer, [told(run) for run in world.observed[before:]]))
            assert answers[0] == answers[1], ask


@generated(10)
@given(asks=BATCH)
async def test_the_lane_answers_as_the_sdk_does(world: World, asks: list[Ask]) -> None:
    await alike(world, asks)


@pytest.mark.slow  # the same, for thousands of requests
@generated(150)
@given(asks=BATCH)
async def test_the_lane_answers_as_the_sdk_does_whatever_is_asked(world: World, asks: list[Ask]) -> None:
    await alike(world, asks)


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_no_handler_foresaw_is_told_as_the_sdk_tells_it(
    world: World, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(world.core.catalog, "warnings", broken)
    await alike(world, [asked(version, "tools/call", {"name": "number"})])


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_result_that_is_none_is_told_as_the_sdk_tells_it(
    world: World, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(translate, "result", lambda *_, **__: {"content": "no blocks"})
    await alike(world, [asked(version, "tools/call", {"name": "number"})])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("method", ["tools/call", "tools/list"])
async def test_a_request_too_many_is_refused_as_by_the_sdk(world: World, version: str, method: str) -> None:
    ask = asked(version, method, {"name": "number"} if method == "tools/call" else None)
    answers = []
    await alike(world, [])
    for has_lane in (True, False):
        limits = Limits(MemoryCounters(world.clock), Quotas(key=Quota(per_minute=2)))
        limited = replace(world, core=replace(world.core, limits=limits))
        async with serving(limited, has_lane=has_lane) as served:
            secret = await served.secret()
            answers.append([_without_standing(await heard(served.app, ask, secret)) for _ in range(3)])
    assert answers[0] == answers[1]
    assert answers[0][0].body != answers[0][2].body


def _without_standing(answer: Heard) -> Heard:
    """In the handshake era the SDK opens its stream while the request is counted: whether it tells is a race there."""
    return replace(
        answer, headers={name: it for name, it in answer.headers.items() if not name.startswith("ratelimit")}
    )


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_list_that_is_kept_is_never_out_of_date(world: World, version: str) -> None:
    ask = asked(version, "tools/list", path=TOOLSET)
    async with serving(world) as fast, serving(world, has_lane=False) as slow:
        secret = await fast.secret()
        seen = []
        for name in ("one", "two", "one"):
            await world.publish(**{name: "def run() -> int:\n    return 1\n"})
            for _ in range(2):
                answer = await heard(fast.app, ask, secret)
                assert answer == await heard(slow.app, ask, secret)
                assert f'"{name}"' in str(answer.body)
            seen.append(answer.body)
    assert seen[0] == seen[2] != seen[1]


class Line:
    """A client's connection, which it may cut; what it was sent is kept."""

    def __init__(self) -> None:
        self.cut = anyio.Event()
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        await self.cut.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


class Held:
    """Stands for a tool that runs until it is let go, and says so when it is cancelled."""

    def __init__(self) -> None:
        self.has_begun = anyio.Event()
        self.may_end = anyio.Event()
        self.was_cancelled = False

    async def __call__(self, session: Session, *_: Any) -> Any:
        with session.core.runs._flights.aboard(RunId("run_1"), outlives_caller=False):
            self.has_begun.set()
            try:
                await self.may_end.wait()
            except anyio.get_cancelled_exc_class():
                self.was_cancelled = True
                raise
        return {"resultType": "complete", "content": [], "isError": False}


@asynccontextmanager
async def answering(world: World, version: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Line, Held]]:
    """A call that is being answered by a lane while the block runs; the end of the block waits for its end."""
    held, line = Held(), Line()
    monkeypatch.setattr(lane, "called", held)
    monkeypatch.setattr(watching, "_WATCH_AFTER_S", 0)
    await world.publish()
    session = Session(world.core, Endpoint(), world.operator, RunSource.MCP, uncounted)  # type: ignore[arg-type]  # unused
    call = Asked(1, "tools/call", {"name": "greet"}, version)
    offers = await session.offers()
    answer = lane.Lane(McpServer("1", Listeners())).answer
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answer, call, session, offers, line.receive, line.send)
            await held.has_begun.wait()
            yield line, held


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_call_is_cancelled_when_its_client_hangs_up(
    world: World, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    async with answering(world, version, monkeypatch) as (line, held):
        line.cut.set()
    assert held.was_cancelled
    assert line.sent == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_call_that_takes_long_becomes_a_stream_that_stays_awake(
    world: World, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(watching, "_PING_EVERY_S", 0.001)
    async with answering(world, version, monkeypatch) as (line, held):
        while line.body.count(b": ping\r\n\r\n") < 2:
            await anyio.lowlevel.checkpoint()
        held.may_end.set()
    head, *_, last = line.sent
    assert (head["status"], dict(head["headers"])[b"content-type"]) == (200, b"text/event-stream")
    assert last["body"].startswith(b'event: message\r\ndata: {"jsonrpc":"2.0","id":1,"result":')
    assert [message["more_body"] for message in line.sent[1:]] == [True] * (len(line.sent) - 2) + [False]


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_answer_in_time_is_one_piece(world: World, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    async with answering(world, version, monkeypatch) as (line, held):
        held.may_end.set()
    assert [message["type"] for message in line.sent] == ["http.response.start", "http.response.body"]


def test_what_was_written_is_kept_until_there_is_too_much_of_it() -> None:
    written = lane.Written(max_bytes=2 * lane._ENTRY_BYTES + 10)
    for key in ("a", "b"):
        written.keep(key, b"12345")
    written.keep("b", b"123")
    assert written.find("a") == b"12345"
    written.keep("c", b"123")
    assert [written.find(key) for key in ("a", "b", "c")] == [b"12345", None, b"123"]


async def test_a_list_is_kept_only_under_what_it_lists(world: World) -> None:
    """Two organizations offer the same; one comes to offer more just when its list is made."""
    sessions = {}
    for organization in ("default", "other"):
        await world.publish(organization=organization)
        endpoint = Endpoint(toolset=ToolSetRef(organization=organization, toolset="greeting-tools"))
        operator = await world.core.organizations.operator(organization)
        sessions[organization] = Session(world.core, endpoint, operator, RunSource.MCP, uncounted)  # type: ignore[arg-type]  # unused
    offers = await sessions["default"].offers()
    assert offers.fingerprint == (await sessions["other"].offers()).fingerprint

    async def publish_another() -> None:
        await world.publish(other="def run() -> int:\n    return 1\n")

    fast, listing, line = lane.Lane(McpServer("1", Listeners())), Asked(1, "tools/list", None, LATEST), Line()
    await fast.answer(listing, replace(sessions["default"], count=publish_another), offers, line.receive, line.send)
    line = Line()
    await fast.answer(listing, sessions["other"], await sessions["other"].offers(), line.receive, line.send)
    assert [name for name in ("greet", "other") if f'"name":"{name}"'.encode() in line.body] == ["greet"]
