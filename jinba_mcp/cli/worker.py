"""One of several server processes, as `workers.py` starts it: `python -m jinba_mcp.cli.worker POST`."""

import json
import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import socket

import anyio

from jinba_mcp import logs
from jinba_mcp.app import App
from jinba_mcp.cli import folders, local, output, server
from jinba_mcp.cli.registry import registry
from jinba_mcp.faces.web.metrics import Metrics


@dataclass(frozen=True)
class Post:
    """What a worker is given. It serves for as long as the other end of `life_fd` is open."""

    listener_fd: int
    life_fd: int
    ready_fd: int
    """Where it writes one byte once it answers."""
    host: str
    metrics_folder: str
    is_loading: bool
    """Whether it loads those folders whose packages are to be installed."""


def main(post: Post) -> None:
    """Serve until the parent lets go, or a signal comes."""
    for fd in (post.listener_fd, post.life_fd, post.ready_fd):
        os.set_inheritable(fd, False)
    settings = local.read_settings()
    logs.configure(settings.log_level, settings.log_format)
    with socket(fileno=post.listener_fd) as listener:
        settings = settings.model_copy(update={"host": post.host, "port": listener.getsockname()[1]})
        metrics = Metrics(Path(post.metrics_folder))

        async def work() -> None:
            opening = registry(settings, migrates=False, observe=metrics.observe_run, is_server=True)
            async with opening as opened, anyio.create_task_group() as tasks:
                await opened.core.health.sandboxes()
                if post.is_loading:
                    tasks.start_soon(_load, opened)
                await server.serve(
                    opened,
                    metrics,
                    listener,
                    partial(os.write, post.ready_fd, b"\n"),
                    partial(anyio.wait_readable, post.life_fd),
                )
                tasks.cancel_scope.cancel()

        local.run(work, on_uvloop=True)


async def _load(opened: App) -> None:
    await folders.load(opened, output.note, needing_environment=True)


if __name__ == "__main__":
    try:
        main(Post(**json.loads(sys.argv[1])))
    except (output.Failed, output.Misused) as error:
        output.problem(str(error))
        sys.exit(1)
