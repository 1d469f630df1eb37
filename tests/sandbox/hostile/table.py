"""All hostile Python tools, in one table. Those in TypeScript: `typescript_tools`."""

from tests.sandbox.hostile import (
    channels,
    files,
    kernel_surface,
    memory_and_time,
    neighbours,
    network,
    packages,
    processes,
)

ATTACKS = (
    *files.ATTACKS,
    *processes.ATTACKS,
    *network.ATTACKS,
    *memory_and_time.ATTACKS,
    *channels.ATTACKS,
    *neighbours.ATTACKS,
    *kernel_surface.ATTACKS,
    *packages.ATTACKS,
)
