"""What a request to the proxy is understood as, and which headers travel."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinba_mcp.domain.addresses import Destination
from jinba_mcp.sandbox.egress import heads
from jinba_mcp.sandbox.egress.gate import Refused
from jinba_mcp.sandbox.egress.heads import Wanted
from tests.domain.generated import modestly


def _request(method: str, target: str, *headers: tuple[str, str], version: str = "1.1") -> h11.Request:
    return h11.Request(method=method, target=target, headers=[("Host", "h"), *headers], http_version=version)


@pytest.mark.parametrize(
    ("method", "target", "host", "port", "path"),
    [
        ("GET", "http://example.com", "example.com", 80, "/"),
        ("GET", "http://example.com/", "example.com", 80, "/"),
        ("GET", "HTTP://EXAMPLE.com.:8080/a//b?c=http://d/", "example.com", 8080, "/a//b?c=http://d/"),
        ("GET", "http://example.com?a=b", "example.com", 80, "/?a=b"),
        ("GET", "http://[2606:4700::0001]:81/", "2606:4700::1", 81, "/"),
        ("OPTIONS", "http://example.com", "example.com", 80, "*"),
        ("OPTIONS", "http://example.com/", "example.com", 80, "/"),
    ],
)
def test_an_absolute_address_becomes_a_destination_and_a_path(
    method: str, target: str, host: str, port: int, path: str
) -> None:
    assert heads.read(_request(method, target)) == Wanted(Destination(host, port), path)


def test_connect_asks_for_a_tunnel() -> None:
    assert heads.read(_request("CONNECT", "Example.com:443")) == Wanted(Destination("example.com", 443))


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "*"),
        ("GET", "//example.com/"),
        ("GET", "example.com/"),
        ("GET", "http:/example.com/"),
        ("GET", "http:///x"),
        ("GET", "http://"),
        ("GET", "http://?x"),
        ("GET", "https://example.com/"),
        ("GET", "ws://example.com/"),
        ("GET", "ftp://example.com/"),
        ("GET", "file:///etc/passwd"),
        ("GET", "http://user@example.com/"),
        ("GET", "http://example.com@evil.test/"),
        ("GET", "http://example.com:80@evil.test/"),
        ("GET", "http://example.com\\@evil.test/"),
        ("GET", "http://example.com#@evil.test/"),
        ("GET", "http://example.com/#x"),
        ("GET", "http://exa%6dple.com/"),
        ("GET", "http://example.com%2f.evil.test/"),
        ("GET", "http://example.com:/"),
        ("GET", "http://127.1/"),
        ("CONNECT", "example.com"),
        ("CONNECT", "example.com:https"),
        ("CONNECT", "http://example.com:443"),
        ("CONNECT", "user@example.com:443"),
        ("CONNECT", "[::1%25lo]:443"),
        ("CONNECT", "/"),
        ("CONNECT", ":443"),
    ],
)
def test_what_names_no_plain_destination_is_refused(method: str, target: str) -> None:
    with pytest.raises(Refused, match=r"^Not understood: ") as caught:
        heads.read(_request(method, target))
    assert caught.value.status == 400


@modestly
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60))
def test_any_target_is_refused_or_read_as_a_url_reader_would(rest: str) -> None:
    try:
        wanted = heads.read(_request("GET", f"http://{rest}"))
    except Refused:
        return
    host = f"[{wanted.destination.host}]" if ":" in wanted.destination.host else wanted.destination.host
    authority = rest.replace("?", "/").partition("/")[0].lower()
    if "[" not in authority:
        assert authority.partition(":")[0] in {host, f"{host}."}
    assert wanted.target is not None
    assert wanted.target.startswith("/")


@pytest.mark.parametrize(
    "request_",
    [
        _request("POST", "http://example.com/", ("Content-Length", "4"), ("Transfer-Encoding", "chunked")),
        _request("POST", "http://example.com/", ("Transfer-Encoding", "chunked"), version="1.0"),
        _request("CONNECT", "example.com:443", ("Content-Length", "4")),
        _request("CONNECT", "example.com:443", ("Transfer-Encoding", "chunked")),
    ],
)
def test_what_could_hide_a_second_request_is_refused(request_: h11.Request) -> None:
    with pytest.raises(Refused, match=r"^Not understood: ") as caught:
        heads.read(request_)
    assert caught.value.status == 400


def test_other_versions_of_http_are_refused() -> None:
    with pytest.raises(Refused, match="This proxy speaks") as caught:
        heads.read(_request("GET", "http://example.com/", version="2.0"))
    assert caught.value.status == 505


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("Example.COM.", b"example.com"),
        ("example.com:80", b"example.com"),
        ("example.com:8080", b"example.com:8080"),
        ("[2606:4700::1]:81", b"[2606:4700::1]:81"),
    ],
)
def test_the_server_is_told_the_host_that_was_checked(authority: str, host: bytes) -> None:
    request = h11.Request(method="GET", target="/", headers=[("hOST", "evil.test"), ("X", "y")])
    headers = heads.request_headers(request, Destination.parse(authority, 80))
    assert headers == [(b"Host", host), (b"X", b"y"), (b"Connection", b"close")]


def test_headers_for_the_proxy_stay_with_it() -> None:
    request = _request(
        "POST",
        "/",
        ("Connection", "X-Private, close, Content-Length, Host"),
        ("X-Private", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authorization", "Basic c2VjcmV0"),
        ("Proxy-Connection", "keep-alive"),
        ("TE", "trailers"),
        ("Trailer", "Host"),
        ("Upgrade", "websocket"),
        ("Content-Length", "3"),
        ("Accept", "*/*"),
    )
    assert heads.request_headers(request, Destination("example.com", 80)) == [
        (b"Host", b"example.com"),
        (b"Content-Length", b"3"),
        (b"Accept", b"*/*"),
        (b"Connection", b"close"),
    ]


def test_an_answer_of_two_lengths_has_one_afterwards() -> None:
    answer = h11.Response(
        status_code=200, headers=[("Content-Length", "4"), ("Transfer-Encoding", "chunked"), ("Set-Cookie", "a=b")]
    )
    assert heads.end_to_end(answer) == [(b"Set-Cookie", b"a=b"), (b"Transfer-Encoding", b"chunked")]
