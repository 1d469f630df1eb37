"""The outermost middleware: what it lets in, what it adds, what it makes of errors."""

import logging
from typing import Any

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from jinba_mcp import logs
from jinba_mcp.domain.errors import KeyMissing
from jinba_mcp.faces.web.edge import Edge
from jinba_mcp.faces.web.metrics import Metrics

SECRET = "hunter2"


async def show(_: Request) -> Response:
    return JSONResponse({"requestId": logs.request_id.get(), "keyId": logs.key_id.get()})


async def bind(_: Request) -> Response:
    logs.key_id.set("key_1")
    return Response("bound", headers={"Cache-Control": "max-age=60"})


class Raising:
    """An ASGI app that raises, at once or after its answer has begun."""

    def __init__(self, error: Exception, *, late: bool = False) -> None:
        self._error = error
        self._late = late

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        if self._late:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise self._error


ROUTES = [
    Route("/v1/show/{name}", show),
    Route("/show", show),
    Route("/bind", bind),
    Route("/healthz", show),
    Route("/broken", Raising(RuntimeError(SECRET))),
    Route("/late", Raising(RuntimeError(SECRET), late=True)),
    Route("/refused", Raising(KeyMissing())),
    Route("/gone", Raising(ClientDisconnect())),
    Route("/teapot", Raising(HTTPException(418, "short and stout"))),
]


async def never() -> Any:
    """A client that says nothing more."""
    await anyio.sleep_forever()


def edge(**fields: Any) -> Edge:
    return Edge(Starlette(routes=ROUTES), metrics=fields.pop("metrics", Metrics()), **fields)


async def ask(app: Edge, path: str = "/show", method: str = "GET", **headers: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=app)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with anyio.fail_after(60):
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=sent)


async def test_a_request_id_is_made_bound_and_returned() -> None:
    response = await ask(edge())
    assert response.headers["x-request-id"] == response.json()["requestId"]
    assert len(response.json()["requestId"]) == 32
    assert logs.request_id.get() is None


@pytest.mark.parametrize(
    ("sent", "is_kept"), [("a.B-1_2", True), ("x" * 100, True), ("x" * 101, False), ("a b", False)]
)
async def test_a_request_id_of_the_client_is_kept_if_it_is_harmless(sent: str, *, is_kept: bool) -> None:
    response = await ask(edge(), x_request_id=sent)
    assert (response.headers["x-request-id"] == sent) is is_kept


async def test_what_one_request_binds_the_next_does_not_see() -> None:
    app = edge()
    await ask(app, "/bind")
    assert (await ask(app)).json()["keyId"] is None


async def test_answers_of_the_api_are_not_stored_unless_they_say_so() -> None:
    api, other, own = [await ask(edge(), path) for path in ("/v1/show/x", "/show", "/bind")]
    assert api.headers["cache-control"] == "no-store"
    assert "cache-control" not in other.headers
    assert own.headers["cache-control"] == "max-age=60"
    assert {answer.headers["x-content-type-options"] for answer in (api, other, own)} == {"nosniff"}


HOSTS = [
    ("localhost", 200), ("LOCALHOST:1234", 200), ("127.0.0.1:8700", 200), ("[::1]:8700", 200),
    ("tools.example.com", 200), ("tools.example.com:443", 200), ("only.example.com:8443", 200),
    ("only.example.com:1", 403), ("public.example.com", 200), ("evil.example.com", 403),
    ("localhost.evil.com", 403), ("localhost@evil.com", 403), ("", 403), ("[::1", 403), ("localhost:port", 403),
    ("127.0.0.1.nip.io", 403), ("x" * 5_000, 403),
]  # fmt: skip


@pytest.mark.parametrize(("host", "status"), HOSTS)
async def test_hosts_are_let_in_by_name(host: str, status: int) -> None:
    app = edge(hosts=("tools.example.com", "Only.example.com:8443"), public_url="https://public.example.com/base")
    response = await ask(app, host=host)
    assert response.status_code == status
    if status == 403:
        assert response.json()["code"] == "host.forbidden"


async def test_a_request_without_a_host_is_refused() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/show", "query_string": b"", "headers": []}
    await edge()(scope, never, send)
    assert sent[0]["status"] == 403


@pytest.mark.parametrize("path", ["/show", "/healthz"])
async def test_a_request_with_two_hosts_is_refused_even_if_both_are_ours(path: str) -> None:
    """RFC 9112, 3.2."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    host = (b"host", b"localhost")
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [host, host]}
    await edge()(scope, never, send)
    assert sent[0]["status"] == 400


async def test_probes_come_by_any_host() -> None:
    assert (await ask(edge(), "/healthz", host="10.1.2.3:8700")).status_code == 200


async def test_all_hosts_are_let_in_when_the_operator_says_so() -> None:
    assert (await ask(edge(hosts=("*",)), host="anything.example.com")).status_code == 200


ORIGINS = [
    ("http://localhost:3000", 200), ("http://127.0.0.1", 200), ("https://tools.example.com", 200),
    ("https://app.example.com", 200), ("HTTPS://APP.example.com", 200), ("http://app.example.com", 403),
    ("https://evil.example.com", 403), ("null", 403), ("localhost", 403), ("http://localhost.evil.com", 403),
    ("", 403), ("https://", 403),
]  # fmt: skip


@pytest.mark.parametrize(("origin", "status"), ORIGINS)
async def test_pages_of_other_sites_are_refused(origin: str, status: int) -> None:
    app = edge(hosts=("tools.example.com",), origins=("https://app.example.com/",))
    response = await ask(app, origin=origin)
    assert response.status_code == status
    if status == 403:
        assert response.json()["code"] == "origin.forbidden"


async def test_with_all_hosts_let_in_a_page_may_still_only_call_its_own_site() -> None:
    app = edge(hosts=("*",))
    assert (await ask(app, host="a.example.com", origin="https://a.example.com")).status_code == 200
    assert (await ask(app, host="a.example.com", origin="https://b.example.com")).status_code == 403


async def test_our_fault_is_logged_with_its_cause_and_answered_without(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = await ask(edge(), "/broken")
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert response.json()["requestId"] == response.headers["x-request-id"]
    assert SECRET not in response.text
    record = caplog.records[-1]
    assert record.exc_info is not None
    assert SECRET in str(record.exc_info[1])


async def test_an_error_after_the_answer_has_begun_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "GET", "path": "/late", "query_string": b"", "headers": headers}
    await edge()(scope, never, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert "request failed" in caplog.text


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [("/refused", "GET", 401, "key.missing"), ("/nothing", "GET", 404, "endpoint.not_found"),
     ("/show/", "GET", 404, "endpoint.not_found"), ("/show", "DELETE", 405, "method.not_allowed")],
)  # fmt: skip
async def test_errors_are_problems_wherever_they_arise(path: str, method: str, status: int, code: str) -> None:
    response = await ask(edge(), path, method)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    if status == 405:
        assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_other_errors_of_the_framework_keep_their_status() -> None:
    assert (await ask(edge(), "/teapot")).status_code == 418


async def test_requests_are_counted_under_the_template_of_their_route() -> None:
    metrics = Metrics()
    app = edge(metrics=metrics)
    for path in ("/v1/show/a", "/v1/show/b", "/nothing", "/gone"):
        await ask(app, path)
    text = metrics.exposition().decode()
    assert 'jinba_http_requests_total{method="GET",route="/v1/show/{name}",status="200"} 2.0' in text
    assert 'jinba_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'jinba_http_requests_total{method="GET",route="/gone",status="499"} 1.0' in text
    assert "jinba_http_requests_in_flight 0.0" in text


async def test_a_head_that_is_too_large_is_refused() -> None:
    for path, header in (("/show", "x" * 70_000), ("/show?q=" + "x" * 33_000, "x" * 33_000)):
        response = await ask(edge(), path, x_long=header)
        assert (response.status_code, response.json()["code"]) == (413, "request.too_large")


async def test_lifespan_passes_through() -> None:
    sent: list[str] = []
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    with anyio.fail_after(60):
        await edge()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
