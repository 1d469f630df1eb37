"""Compiles a component to machine code, in a process of its own: it takes every processor for seconds."""

import sys
from pathlib import Path

from wasmtime import Config, Engine
from wasmtime.component import Component


def engine() -> Engine:
    """What code is compiled for, and loaded by: the two must agree."""
    config = Config()
    config.epoch_interruption = True
    return Engine(config)


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(Component.from_file(engine(), Path(sys.argv[1])).serialize())
