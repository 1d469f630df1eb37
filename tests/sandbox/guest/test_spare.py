"""A worker without a zygote, and here without the walls that whoever starts it has put up."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from jinba_mcp.sandbox import guest
from jinba_mcp.sandbox.guest import channel
from jinba_mcp.sandbox.guest.channel import framed
from jinba_mcp.sandbox.local import seccomp
from jinba_mcp.sandbox.local.jobs import Job
from jinba_mcp.sandbox.local.runtime import Runtime, runtime
from tests.sandbox.local.conftest import MakeSetup

CODE = """
    import os, socket
    def run() -> list:
        try:
            socket.socket()
        except PermissionError:
            return [os.environ["KEY"], os.umask(0), os.getcwd()]
"""
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from guest.spare import main; main(*map(int, sys.argv[2:]))"


def test_a_spare_is_a_worker_from_its_first_breath(setup: MakeSetup, cache_dir: Path, measured: str) -> None:
    job = Job(setup(CODE), variables={"KEY": "value"})
    found: Runtime = runtime(cache_dir)
    config = {
        "order": json.loads(job.order({"process_count": None})),
        "paths": [str(found.base), str(found.packages)],
        "variables": {"LANG": "C.UTF-8"},
        "worker_filter": seccomp.program("python", network=False, is_private=True).hex(),
    }
    config_fd, null = os.memfd_create("order"), os.open(os.devnull, os.O_RDWR)
    os.write(config_fd, json.dumps(config).encode())
    os.lseek(config_fd, 0, os.SEEK_SET)
    ours, theirs = socket.socketpair()
    given = (config_fd, theirs.fileno(), null, null)
    command = [sys.executable, "-I", "-S", "-c", measured + BOOT, str(Path(guest.__file__).parents[1])]
    with ours, theirs, subprocess.Popen([*command, *map(str, given)], pass_fds=given) as process:
        theirs.close()
        ours.settimeout(20)
        ours.sendall(job.frames(None) + framed(channel.CALL, b"{}"))
        heard = b"".join(iter(lambda: ours.recv(65_536), b""))
    for descriptor in (config_fd, null):
        os.close(descriptor)

    assert process.returncode == 0
    assert json.loads(heard[heard.rindex(b'{"ok"') :])["output"] == ["value", 0o077, "/tmp"]  # noqa: S108  its folder
