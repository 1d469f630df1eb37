"""`jinba-mcp connect`: the bridge to a remote MCP endpoint, for clients that only speak stdio."""

import os
import signal
from typing import Annotated

import typer

from jinba_mcp import __version__, logs
from jinba_mcp.cli import local, output
from jinba_mcp.cli.options import single
from jinba_mcp.client.clients import is_address
from jinba_mcp.faces.mcp import bridge

app = single()


@app.command()
def connect(
    url: Annotated[str, typer.Argument(metavar="URL", help="The MCP endpoint, such as https://tools.example.com/mcp.")],
) -> None:
    """Bridge standard input and output to a remote MCP endpoint, with the key in JINBA_API_KEY."""
    if not is_address(url):
        # Not quoted, since it may hold a password, and clients keep what is said here in their logs.
        raise output.Misused("This is no URL of an MCP endpoint; use one such as https://tools.example.com/mcp.")
    secret = os.environ.get("JINBA_API_KEY", "")
    if not (secret.isascii() and secret.isprintable() and " " not in secret):
        # Said here, because what sends it would quote it.
        raise output.Misused("JINBA_API_KEY has characters that no key has, such as a line's end; was it copied whole?")
    settings = local.read_settings()
    logs.configure("warning" if settings.log_level == "info" else settings.log_level, settings.log_format)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        local.run(lambda: bridge.serve(url, secret or None, __version__))
    except bridge.BridgeFailed as error:
        raise output.Failed(str(error)) from error


def _end(number: int, _frame: object) -> None:
    # At once, since the thread that reads standard input cannot be interrupted, and there is nothing here to tidy.
    os._exit(130 if number == signal.SIGINT else 0)
