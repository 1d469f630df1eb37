"""The cookie of a session: over https `__Host-…`, which no other host can plant; a plain one on loopback only."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.responses import Response

from jinba_mcp.domain.errors import SignInInsecure
from jinba_mcp.domain.sessions import LIFETIME
from jinba_mcp.faces.web.edge import LOOPBACK

SECURE_NAME = "__Host-jinba_session"
"""RFC 6265bis, 4.1.3.2: such a name is kept only with Secure, Path=/ and no Domain."""
PLAIN_NAME = "jinba_session"
_MAX_COOKIES = 100


def session_token(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The token of the session that the request comes with, unchecked; None without one."""
    host, found = "", dict[str, str]()
    for name, value in headers:
        if name == b"host":
            host = value.decode("latin-1")
        elif name == b"cookie":
            for pair in value.decode("latin-1").split(";", _MAX_COOKIES):
                key, sign, token = pair.strip().partition("=")
                if sign and token:
                    found.setdefault(key, token)
    plain = found.get(PLAIN_NAME) if _is_loopback(f"//{host}") else None
    return found.get(SECURE_NAME) or plain


def check_safe(base_url: str) -> None:
    """Raises: SignInInsecure: whoever is on the way would read the cookie."""
    _name(base_url)


def keep(response: Response, token: str, base_url: str) -> None:
    """Have the browser keep the session for as long as it may live."""
    _set(response, token, base_url, int(LIFETIME.total_seconds()))


def forget(response: Response, base_url: str) -> None:
    """Have the browser forget the session."""
    _set(response, "", base_url, 0)


def _set(response: Response, token: str, base_url: str, max_age_s: int) -> None:
    name = _name(base_url)
    response.set_cookie(
        name, token, max_age=max_age_s, path="/", secure=name == SECURE_NAME, httponly=True, samesite="lax"
    )


def _name(base_url: str) -> str:
    if base_url.startswith("https://"):
        return SECURE_NAME
    if _is_loopback(base_url):
        return PLAIN_NAME
    raise SignInInsecure


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return (f"[{host}]" if ":" in host else host) in LOOPBACK
