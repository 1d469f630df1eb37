"""A process as an ordinary Docker container starts it: few capabilities, no namespaces or mounts to be had.

Emulated with a filter of our own that refuses what Docker's default profile does to whoever lacks CAP_SYS_ADMIN.
"""

import errno
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from jinba_mcp.sandbox.local.bpf import IF_EQUAL, Assembler, Is
from jinba_mcp.sandbox.local.syscalls import MACHINES

NOBODY = 65534
_REFUSED = """
unshare setns mount umount2 pivot_root mount_setattr open_tree move_mount fsopen fsconfig fsmount fspick bpf
perf_event_open userfaultfd keyctl add_key request_key kexec_load init_module finit_module delete_module quotactl
open_by_handle_at name_to_handle_at fanotify_init lookup_dcookie swapon swapoff reboot acct settimeofday
"""
_NEW_NAMESPACES = 0x7E02_0000
_DOCKERS_CAPABILITIES = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
"""CHOWN to SETFCAP, as dockerd gives them unless told otherwise."""
_ENTER = """
import ctypes, os, sys
from tests.sandbox.containers import program
sys.path.insert(0, os.path.join(os.getcwd(), "jinba_mcp", "sandbox"))
from guest import kernel
kept = {kept!r}
filter_ = kernel.Filter(program())
if os.geteuid() == 0:
    filter_.install()
    for number in set(range(41)) - set(kept):
        kernel.prctl(kernel.PR_CAPBSET_DROP, number)
    if {user!r}:
        os.setgroups([])
        os.setresgid(*[{user!r}] * 3)
        os.setresuid(*[{user!r}] * 3)
    else:
        kernel.keep_capabilities(kept)
else:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    filter_.install()
"""


def program() -> bytes:
    """The container's filter: all but a few calls pass."""
    machine = MACHINES[platform.machine()]
    code = Assembler()
    allow, refuse, missing = (
        code.returning(value) for value in (0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS)
    )
    found = code.testing([[Is(16, (0,), _NEW_NAMESPACES)]], yes=allow, no=refuse)
    found = code.branching(IF_EQUAL, machine.numbers["clone"], yes=found, no=allow)
    for name in _REFUSED.split():
        found = code.branching(IF_EQUAL, machine.numbers[name], yes=refuse, no=found)
    code.branching(IF_EQUAL, machine.numbers["clone3"], yes=missing, no=found)
    code.loading(0)
    return code.program()


def interpreter() -> list[str]:
    """A Python that any user can start.

    Skips the test if this one lies where only root may look and the system has no other of the same version.
    """
    if _is_open(Path(sys.base_prefix)):
        return [sys.executable]
    system = Path("/usr/bin") / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not system.exists():
        message = f"{sys.base_prefix} is closed to ordinary users, and there is no {system}"
        if os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return [str(system)]


def _is_open(folder: Path) -> bool:
    return all(each.stat().st_mode & 0o5 == 0o5 for each in (folder.resolve(), *folder.resolve().parents))


def run(script: str, *arguments: str, user: int | None = None, is_contained: bool = True, timeout_s: float = 60) -> str:
    """What a Python program prints that runs in such a container, or only as `user`."""
    project = Path(__file__).parents[2]
    packages = [path for path in sys.path if path.endswith("site-packages")]
    begin = f"import sys; sys.path[:0] = {[str(project), *packages]!r}\n"
    enter = _ENTER.format(kept=_DOCKERS_CAPABILITIES, user=user) if is_contained else ""
    done = subprocess.run(
        [*interpreter(), "-I", "-S", "-c", begin + enter + script, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"},
        user=None if is_contained else user,
        group=None if is_contained else user,
        extra_groups=None if is_contained or user is None else [],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
