"""Becomes one worker without a zygote: whoever started this process has put the walls around it already.

Its descriptors are those that a zygote would have received with an order; the order itself comes as JSON on another.
"""

import gc
import json
import os
import sys

from . import kernel, session, tools
from .worker import Streams, Worker, limit_all, wall

_FOLDER = "/tmp"  # noqa: S108  its own, made by whoever walled it in


def main(config_fd: int, *descriptors: int) -> None:
    """Read what to be, and be it."""
    with open(config_fd, encoding="utf-8") as file:
        config = json.load(file)
    sys.path += config["paths"]
    os.environ.update(config["variables"])
    os.umask(0o077)
    tools.preload()
    tools.reporting(session.reporter)
    gc.freeze()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    order = config["order"]
    filter_ = kernel.Filter(bytes.fromhex(config["worker_filter"]))
    limit_all()
    streams = Streams()
    streams.stand_in()
    Worker(wall(order, folder=_FOLDER, filter_=filter_), streams, order).run(descriptors)
