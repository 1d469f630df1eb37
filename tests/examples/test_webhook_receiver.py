"""The example receiver takes what is signed, once each, and nothing else."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from jinba_mcp.domain.webhooks import signature
from tests.examples import programs

SECRET = "whsec_of_this_test"
BODY = '{"event":"member.added","timestamp":"2026-11-21T12:00:00.000Z","data":{"email":"é@x.org"}}'.encode()

pytestmark = pytest.mark.slow


@contextmanager
def receiving() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The example by README's command, on a free port: its URL, and the process."""
    with subprocess.Popen(
        [*programs.command("webhook_receiver.py"), "0"],
        cwd=programs.FOLDER.parent,
        env={**os.environ, "WEBHOOK_SECRET": SECRET},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], process
        finally:
            process.kill()


def test_what_is_signed_is_taken_once_and_everything_else_refused() -> None:
    right = signature(BODY, SECRET)
    with receiving() as (url, process), httpx2.Client(base_url=url, timeout=10) as client:

        def status(body: bytes, delivery_id: str, said: str) -> int:
            headers = {"X-Webhook-Signature": said, "X-Webhook-Id": delivery_id}
            return client.post("/", content=body, headers=headers).status_code

        assert status(BODY, "dlv_1", signature(BODY, "other")) == 401
        assert status(BODY + b" ", "dlv_1", right) == 401
        assert client.post("/", content=BODY).status_code == 401
        assert [status(BODY, each, right) for each in ("dlv_1", "dlv_1", "dlv_2")] == [204, 204, 204]
        process.terminate()
        assert process.stdout is not None
        line = '2026-11-21T12:00:00.000Z member.added {"email": "é@x.org"}'
        assert process.stdout.read().splitlines() == [line, line]


def test_without_a_secret_it_says_what_it_needs() -> None:
    ended = programs.run([*programs.command("webhook_receiver.py"), "0"], dict(os.environ))
    assert (ended.returncode, ended.stderr) == (1, "Set WEBHOOK_SECRET to the webhook's secret.\n")
