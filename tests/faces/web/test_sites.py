"""Where the server is for its clients."""

from typing import Any

import pytest

from jinba_mcp.faces.web import sites
from jinba_mcp.faces.web.sites import Site


def scope(host: str | None = None, **fields: Any) -> Any:
    headers = [(b"accept", b"*/*"), *([] if host is None else [(b"host", host.encode())])]
    return {"scheme": "http", "headers": headers, "server": ("127.0.0.1", 8700), **fields}


def test_the_public_url_is_believed_before_the_request() -> None:
    assert Site("https://tools.example.com/base/").base_url(scope("localhost")) == "https://tools.example.com/base"


def test_without_a_public_url_the_request_says_where_it_came_to() -> None:
    assert Site().base_url(scope("localhost:9000", scheme="https")) == "https://localhost:9000"


@pytest.mark.parametrize(
    ("server", "expected"),
    [(("127.0.0.1", 8700), "http://127.0.0.1:8700"), (("::1", 8700), "http://[::1]:8700"), (None, "http://localhost")],
)
def test_without_a_host_header_the_address_stands_in(server: object, expected: str) -> None:
    assert Site().base_url(scope(server=server)) == expected


def test_endpoints_are_below_the_base() -> None:
    base = "https://tools.example.com"
    assert sites.api_url(base) == base + "/v1"
    assert sites.toolset_endpoint(base, "acme", "text-tools") == base + "/v1/orgs/acme/toolsets/text-tools/mcp"
    assert sites.organization_endpoint(base, "acme") == base + "/v1/orgs/acme/mcp"
    assert sites.public_endpoint(base, "acme", "text-tools") == base + "/v1/public/acme/text-tools/mcp"
    assert sites.everything_endpoint(base) == base + "/mcp"
