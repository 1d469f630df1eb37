"""Where this installation is: the URL that its clients use, and the command that starts its bridge."""

import sys
from pathlib import Path

from jinba_mcp.settings import Settings

_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared with, not bound to


def base_url(settings: Settings) -> str:
    """The URL of the server, without a slash at its end: the public one, or where it listens."""
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    return f"http://{_host(settings)}:{settings.port}"


def _host(settings: Settings) -> str:
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"[{host}]" if ":" in host else host


def bridge() -> list[str]:
    """The command of `jinba-mcp connect`, as a client can start it from anywhere."""
    beside = Path(sys.executable).with_name(f"jinba-mcp{Path(sys.executable).suffix}")
    for candidate in (Path(sys.argv[0]), beside):
        if candidate.stem == "jinba-mcp" and candidate.is_file():
            return [str(candidate.absolute()), "connect"]
    return ["jinba-mcp", "connect"]
