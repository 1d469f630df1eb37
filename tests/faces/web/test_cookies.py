"""The cookie of a session: which one is believed, and which one is set."""

import pytest
from starlette.responses import Response

from jinba_mcp.domain.errors import SignInInsecure
from jinba_mcp.faces.web import cookies


def pairs(**headers: str) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


@pytest.mark.parametrize("host", ["localhost", "localhost:8700", "127.0.0.1:8700", "[::1]:8700"])
def test_on_loopback_the_plain_one_is_believed(host: str) -> None:
    assert cookies.session_token(pairs(host=host, cookie="theme=dark; jinba_session=TOKEN")) == "TOKEN"


@pytest.mark.parametrize("host", ["tools.example.com", "localhost.example.com", "[", ""])
def test_elsewhere_the_plain_one_is_not_since_any_host_beside_could_have_planted_it(host: str) -> None:
    assert cookies.session_token(pairs(host=host, cookie="jinba_session=TOKEN")) is None
    assert (
        cookies.session_token(pairs(host=host, cookie="__Host-jinba_session=TOKEN; jinba_session=PLANTED")) == "TOKEN"
    )


@pytest.mark.parametrize(
    "cookie", ["", ";", "=", "jinba_session", "jinba_session=", "other=1", "xjinba_session=1", "é=é"]
)
def test_nothing_is_no_session(cookie: str) -> None:
    assert cookies.session_token(pairs(host="localhost", cookie=cookie)) is None


def test_over_https_it_goes_to_this_host_over_https_only_and_no_script_reads_it() -> None:
    response = Response()
    cookies.keep(response, "TOKEN", "https://tools.example.com")
    name, *attributes = response.headers["set-cookie"].split("; ")
    assert name == "__Host-jinba_session=TOKEN"
    assert {each.lower() for each in attributes} == {
        "httponly", "max-age=7776000", "path=/", "samesite=lax", "secure",
    }  # fmt: skip


def test_on_loopback_it_works_without_https() -> None:
    response = Response()
    cookies.keep(response, "TOKEN", "http://127.0.0.1:8700")
    assert response.headers["set-cookie"].startswith("jinba_session=TOKEN; HttpOnly;")
    assert "secure" not in response.headers["set-cookie"].lower()


@pytest.mark.parametrize("base_url", ["https://tools.example.com", "http://localhost:8700"])
def test_it_is_forgotten_under_the_same_name(base_url: str) -> None:
    response = Response()
    cookies.forget(response, base_url)
    assert "Max-Age=0" in response.headers["set-cookie"]
    assert response.headers["set-cookie"].startswith("__Host-jinba" if "https" in base_url else "jinba_session=")


def test_nobody_signs_in_over_plain_http_from_afar() -> None:
    for base_url in ("http://tools.example.com", "http://10.0.0.1:8700"):
        with pytest.raises(SignInInsecure):
            cookies.check_safe(base_url)
    cookies.check_safe("https://tools.example.com")
