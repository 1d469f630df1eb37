"""Starts the build of one package: walls first, then `backend` takes over as the first process inside them.

The host starts this with a socket as standard input, and reads the answer from standard output and what is said on the
way from standard error. Nothing of the package has run before the walls stand.
"""

import json
import os
import resource
import socket
import sys
from pathlib import Path
from typing import Any

from . import kernel, namespaces

MAX_MESSAGE_BYTES = 128 * 1024
ANSWER_FD = 3
_MOST_INODES = 200_000
_OUT_OF_MEMORY_FIRST = "1000"


def main() -> None:
    """Become the build, or tell the host what is in the way."""
    control = socket.socket(fileno=os.dup(0))
    config = json.loads(control.recv(MAX_MESSAGE_BYTES))

    def ask_for_map() -> None:
        control.send(b"map")
        if not control.recv(64):
            os._exit(0)

    try:
        # Should the machine run out of memory, this goes before anything that answers calls.
        Path("/proc/self/oom_score_adj").write_text(_OUT_OF_MEMORY_FIRST)
        namespaces.enter(config["root"], config["shown"], has_proc=True, ask_for_map=ask_for_map)
        _wall_in(config["limits"], bytes.fromhex(config["filter"]))
    except OSError as error:
        control.send(f"{type(error).__name__}: {error}"[:2000].encode())
        os._exit(1)
    control.send(b"ready")
    _become(config)


def _wall_in(limits: dict[str, int], program: bytes) -> None:
    owner = f"mode=700,uid={namespaces.USER_ID},gid={namespaces.USER_ID}"
    size = f"size={limits['tmp_bytes']},nr_inodes={_MOST_INODES},{owner}"
    namespaces.mount("tmpfs", "/tmp", "tmpfs", 0x2 | 0x4, size)  # noqa: S108  its own; MS_NOSUID, MS_NODEV
    for kind, value in (
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_NPROC, limits["process_count"]),
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_FSIZE, limits["tmp_bytes"]),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    os.umask(0o022)
    kernel.drop_bounding_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.give_up_capabilities()
    kernel.die_with_parent()
    kernel.Filter(program).install()


def _become(config: dict[str, Any]) -> None:
    os.dup2(1, ANSWER_FD, inheritable=True)
    kernel.close_from(ANSWER_FD + 1)
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    variables = {
        "HOME": "/tmp",  # noqa: S108  its own
        "TMPDIR": "/tmp",  # noqa: S108  its own
        "PATH": f"{config['tools']}/bin:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": config["tools"],
        "PYTHONNOUSERSITE": "1",
        "PYTHONHASHSEED": "0",
        # 1980, before which no ZIP archive can date anything: the same source gives the same wheel where tools allow.
        "SOURCE_DATE_EPOCH": "315532800",
    }
    order = json.dumps({"source": config["source"], "given": config["given"]})
    # Without `site`, so that nothing counts that the package did not ask for.
    os.execve(sys.executable, [sys.executable, "-S", "-B", config["backend"], order], variables)  # noqa: S606  no shell
