"""The only way out of a sandbox: the proxy on the server's side of it."""

import http.server
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from jinba_mcp.sandbox.egress.proxy import Proxy

from .conftest import MakeSetup, Running

FETCH = """
    import socket, urllib.error, urllib.request
    def run(urls: list[str], port: int) -> dict:
        found = {}
        for url in urls:
            try:
                found[url] = urllib.request.urlopen(url, timeout=5).read().decode()
            except OSError as error:
                found[url] = getattr(error, "code", None) or str(error)
        for address in (("127.0.0.1", port), ("1.1.1.1", 53)):
            try:
                socket.create_connection(address, 2)
                found[address[0]] = "connected"
            except OSError:
                found[address[0]] = "no"
        return found
"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  as above
        """Says nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def lookup(_host: str) -> list[Any]:
    return [ip_address("127.0.0.1")]


async def test_a_tool_reaches_what_its_policy_names_and_nothing_else(
    running: Running, setup: MakeSetup, port: int
) -> None:
    allowed, refused = f"http://allowed.test:{port}/", f"http://other.test:{port}/"
    fetch = setup(FETCH, bundle={"network": (f"allowed.test:{port}",)})

    async with running(egress=Proxy(private_hosts=[f"allowed.test:{port}"], lookup=lookup)) as engine:
        outcome = await engine.run(fetch, {"urls": [allowed, refused], "port": port})
        assert (await engine.capabilities()).networks == ("off", "hosts", "on")

    assert outcome.output == {allowed: "hello", refused: 403, "127.0.0.1": "no", "1.1.1.1": "no"}


async def test_a_tool_without_network_reaches_nothing(running: Running, setup: MakeSetup, port: int) -> None:
    async with running(egress=Proxy()) as engine:
        outcome = await engine.run(setup(FETCH), {"urls": [f"http://127.0.0.1:{port}/"], "port": port})

    assert isinstance(outcome.output, dict)
    assert not {"hello", "connected"} & set(outcome.output.values())
