"""Users that exist nowhere else: whom sandboxes belong to where the server may choose."""

import itertools
import os
import secrets
from pathlib import Path

from jinba_mcp.sandbox.guest.namespaces import USER_ID

_HIGH_ID = 1_900_000_000
"""Above what distributions, systemd and container engines hand out; no file and no process belongs to it."""
_ID_COUNT = 200_000_000
# Every process of a server, and every server of a machine, draws from the same numbers, and runs of equal ones would be
# counted together: so each begins elsewhere.
_numbers = itertools.count(secrets.randbelow(_ID_COUNT))


def map_user(pid: int) -> None:
    """Let the zygote be a user of its own: nobody's, if we may choose, and else our own.

    Raises:
        OSError: the kernel refused.
    """
    folder = Path(f"/proc/{pid}")
    if os.geteuid() == 0:
        user = group = unused_id()
    else:
        user, group = os.geteuid(), os.getegid()
        (folder / "setgroups").write_text("deny")
    (folder / "uid_map").write_text(f"{USER_ID} {user} 1\n")
    (folder / "gid_map").write_text(f"{USER_ID} {group} 1\n")


def unused_id() -> int:
    """A user and group number that belongs to nobody on this machine; a different one each time, and in each process.

    In a container only some numbers exist; then it is the last of them, which may be in use.
    """
    wanted = _HIGH_ID + next(_numbers) % _ID_COUNT
    spans = [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    if any(first <= wanted < first + count for first, _outside, count in spans):
        return wanted
    first, _outside, count = max(spans, key=lambda span: span[2])
    return first + count - 1
