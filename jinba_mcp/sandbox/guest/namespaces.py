"""Tier A's walls: a file tree of its own, and the namespaces that hide everything else."""

import ctypes
import os
import struct

# `socket` itself, like pathlib, is memory that every fork of the zygote would pay for.
from _socket import sethostname
from collections.abc import Callable, Mapping
from os import path

from . import kernel
from .kernel import Step

NEWNS = 0x0002_0000
NEWCGROUP = 0x0200_0000
NEWUTS = 0x0400_0000
NEWIPC = 0x0800_0000
NEWUSER = 0x1000_0000
NEWPID = 0x2000_0000
NEWNET = 0x4000_0000
_ALL = NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS | NEWCGROUP

_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC = 1, 2, 4, 8, 32, 4096, 16384
_PRIVATE, _SLAVE = 1 << 18, 1 << 19
_MOVE = 8192
_DETACH = 2
_PASSABLE = "/tmp"  # noqa: S108  a place to mount on
_ATTR_READ_ONLY = 1 | 2 | 4  # RDONLY, NOSUID, NODEV of mount_setattr(2)
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_SETATTR = 442  # the same number on every architecture
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

SIGNALLED = 128
"""What is added to the number of the signal that ended the first process, as shells do."""
USER_ID = 1000
"""Who the zygote is inside."""
_SAME_USER = f"{USER_ID} {USER_ID} 1\n"

_DEVICES = ("null", "zero", "full", "random", "urandom")
_FILES = {
    "etc/passwd": "sandbox:x:1000:1000::/tmp:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n",
    "etc/group": "sandbox:x:1000:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/resolv.conf": "",
}


def unshare(flags: int) -> None:
    """unshare(2).

    Raises:
        OSError: the kernel refused.
    """
    kernel.call("unshare", ctypes.c_int(flags))


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2).

    Raises:
        OSError: the kernel refused; the message names the target.
    """
    encoded = [None if each is None else os.fsencode(each) for each in (source, target, kind, data)]
    try:
        kernel.call("mount", encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    except OSError as error:
        raise OSError(error.errno, f"mount on {target}: {os.strerror(error.errno or 0)}") from error


def enter(root: str, shown: Mapping[str, str], *, has_proc: bool, ask_for_map: Callable[[], None]) -> None:
    """Leave the machine behind: when this returns, in another process, there is only the tree built on `root`.

    `shown` maps each path inside to the one outside that is shown there, read-only. `root` is an empty folder to mount
    on. `ask_for_map` returns once the host has mapped our user. The process that called waits for the new one's end.

    Raises:
        OSError: the kernel refuses one of the steps; the message names it.
    """
    kernel.die_with_parent()
    if os.geteuid() == 0:
        # Bound while still root of the machine: the interpreter may lie in a home that only root may enter.
        unshare(NEWNS)
        mount(None, "/", None, _REC | _PRIVATE)
        _build(root, shown, has_proc=has_proc)
        # For the same reason it must not stay there, and every machine has this folder, which all may enter.
        mount(root, _PASSABLE, None, _MOVE)
        root = _PASSABLE
        unshare(NEWUSER)
        ask_for_map()
        _become_mapped_user()
    else:
        unshare(NEWUSER | NEWNS)
        ask_for_map()
        mount(None, "/", None, _REC | _PRIVATE)
        _build(root, shown, has_proc=has_proc)
        _become_mapped_user_again()
    unshare(_ALL)
    mount(None, "/", None, _REC | _SLAVE)
    # The tree's mounts are locked now, since they belong to an outer user namespace: not even a package's code in the
    # zygote can make them writable. pivot_root(2) refuses a locked mount; a bind mount of it is not.
    _become_first_process()
    mount(root, root, None, _BIND | _REC)
    _pivot(root, has_proc=has_proc)


def _become_mapped_user() -> None:
    kernel.call("setgroups", 0, None)
    os.setresgid(USER_ID, USER_ID, USER_ID)
    kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
    os.setresuid(USER_ID, USER_ID, USER_ID)
    kernel.raise_permitted_capabilities()
    kernel.die_with_parent()


def _become_mapped_user_again() -> None:
    """Be the same user in one more user namespace, which the host cannot map, but whoever is in it can."""
    unshare(NEWUSER)
    for name, text in {"setgroups": "deny", "uid_map": _SAME_USER, "gid_map": _SAME_USER}.items():
        _write(f"/proc/self/{name}", text)
    kernel.die_with_parent()


def _become_first_process() -> None:
    pid = os.fork()
    if pid:
        kernel.close_from(3)
        _pid, status = os.waitpid(pid, 0)
        # The host sees only this one, and has to tell whether the other was killed or went by itself.
        os._exit(SIGNALLED + os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
    kernel.die_with_parent()


def _build(root: str, shown: Mapping[str, str], *, has_proc: bool) -> None:
    mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, "mode=755,size=1m")
    for inside, outside in shown.items():
        _show(outside, root + inside)
    for name in _DEVICES:
        _bind(f"/dev/{name}", _placed(f"{root}/dev/{name}", ""))
    for inside, text in _FILES.items():
        if not path.exists(f"{root}/{inside}"):
            _placed(f"{root}/{inside}", text)
    os.mkdir(f"{root}/tmp")  # noqa: S108  its own
    if has_proc:
        os.mkdir(f"{root}/proc")
        os.symlink("/proc/self/fd", f"{root}/dev/fd")


def _show(outside: str, inside: str) -> None:
    if path.islink(outside):
        # /bin is usr/bin on merged systems, and stays a link inside.
        os.makedirs(path.dirname(inside), exist_ok=True)
        os.symlink(os.readlink(outside), inside)
        return
    if path.isdir(outside):
        os.makedirs(inside, exist_ok=True)
    else:
        _placed(inside, "")
    _bind(outside, inside)
    attributes = ctypes.create_string_buffer(struct.pack("=QQQQ", _ATTR_READ_ONLY, 0, 0, 0), 32)
    arguments = (ctypes.c_long(_AT_FDCWD), os.fsencode(inside), ctypes.c_long(_AT_RECURSIVE), attributes)
    kernel.call("syscall", ctypes.c_long(_MOUNT_SETATTR), *arguments, ctypes.c_long(32))


def _placed(inside: str, text: str) -> str:
    os.makedirs(path.dirname(inside), exist_ok=True)
    _write(inside, text)
    os.chmod(inside, 0o644)
    return inside


def _write(file: str, text: str) -> None:
    with open(file, "w", encoding="utf-8") as opened:
        opened.write(text)


def _bind(outside: str, inside: str) -> None:
    mount(outside, inside, None, _BIND | _REC)


def _pivot(root: str, *, has_proc: bool) -> None:
    if has_proc:
        # While the machine's own is still there: without one in sight the kernel lets nobody mount another.
        mount("proc", f"{root}/proc", "proc", _NOSUID | _NODEV | _NOEXEC, "subset=pid")
    sethostname("sandbox")
    os.chdir(root)
    mount(None, root, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir(root)
    machine = os.uname().machine
    if machine not in _PIVOT_ROOT:
        raise OSError(f"pivot_root has no number here for {machine}")
    # Both in one place: the old root lies under the new one until it is detached.
    kernel.call("syscall", ctypes.c_long(_PIVOT_ROOT[machine]), b".", b".")
    kernel.call("umount2", b".", _DETACH)
    os.chdir("/")


def give_up_privileges() -> None:
    """Keep only what making a worker takes: CAP_SYS_ADMIN, of this user namespace."""
    kernel.drop_bounding_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.keep_capabilities((kernel.CAP_SYS_ADMIN,))


def private_tmp(tmp_bytes: int, *, has_proc: bool) -> list[Step]:
    """Gives a worker a /tmp that no other process sees, and a user namespace where nothing can be done."""
    limits = f"size={tmp_bytes},nr_inodes=4096,mode=700,uid={USER_ID},gid={USER_ID}"
    mounts = [_mounting(b"tmpfs", b"/tmp", _NOSUID | _NODEV, limits)]
    if has_proc:
        mounts.append(_mounting(b"proc", b"/proc", _NOSUID | _NODEV | _NOEXEC, "subset=pid"))
    # Threads are counted by user and user namespace, so a new one gives each run a count of its own.
    return [_unsharing(NEWNS), *mounts, _unsharing(NEWUSER), kernel.giving_up_capabilities()]


def _unsharing(flags: int) -> Step:
    return kernel.step("unshare", ctypes.c_int(flags))


def _mounting(kind: bytes, target: bytes, flags: int, data: str) -> Step:
    return kernel.step("mount", kind, target, kind, ctypes.c_ulong(flags), data.encode())


class OwnPids:
    """Lets a process fork each child into a new PID namespace, where it is the first and takes all others along."""

    def __init__(self) -> None:
        self._home = os.pidfd_open(os.getpid())
        self._leave = [_unsharing(NEWPID)]
        # Only the next child's namespace is changed; it can be set back to our own, but not to an outer one.
        self._return = [kernel.step("setns", ctypes.c_int(self._home), ctypes.c_int(NEWPID))]

    def fork(self) -> int:
        """As `os.fork`.

        Raises:
            OSError: the kernel refused.
        """
        kernel.take(self._leave)
        try:
            pid = os.fork()
        except OSError:
            kernel.take(self._return)
            raise
        if pid:
            kernel.take(self._return)
        return pid
