"""The Redis of tests, if one answers: each test counts under names of its own there.

A pytest plugin that the root conftest names, to say when it was left out.
"""

import os
import socket
from functools import cache
from typing import Any
from urllib.parse import urlsplit

URL = os.environ.get("JINBA_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
_ANSWER_TIMEOUT_S = 30.0  # Where there is no server, that is told at once.


@cache
def answers() -> bool:
    """Whether there is a server to test with."""
    where = urlsplit(URL)
    try:
        with socket.create_connection((where.hostname or "", where.port or 6379), _ANSWER_TIMEOUT_S) as connection:
            connection.sendall(b"PING\r\n")
            connection.settimeout(_ANSWER_TIMEOUT_S)
            return connection.recv(7).startswith(b"+PONG")
    except OSError:
        return False


KINDS = ["memory", *(["redis"] if answers() else [])]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not answers():
        terminalreporter.write_line("Redis was left out: no server answers at JINBA_TEST_REDIS_URL.", yellow=True)
