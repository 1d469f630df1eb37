"""A hostile tool: tries every door out of its sandbox once. Published to nobody; the self-test runs its source.

It imports nothing but the standard library, and harms nothing even where it gets through. Where a module is not to be
had (WebAssembly), the doors behind it are shut: its name is None then, which has no attributes.
"""

import contextlib
import errno
import importlib
import os
import stat
from collections.abc import Callable
from typing import Any


def _module(name: str) -> Any:
    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    return None


ctypes, fcntl, resource, socket = map(_module, ("ctypes", "fcntl", "resource", "socket"))

_NEW_USER = 0x1000_0000
_CAPABILITIES_V3 = 0x20080522
_MAX_DESCRIPTORS = 256
_CONNECT_TIMEOUT_S = 0.5
_libc: Any = ctypes.CDLL(None, use_errno=True) if ctypes else None


def run(canary: str, folder: str, server: int, port: int, addresses: list[str]) -> dict[str, str]:
    """The names of the doors that opened, each with what was found behind it.

    `canary` is a file and `folder` a folder of the host that anyone may use; `server` is a process of the host; `port`
    listens on loopback; `addresses` are its Unix sockets (@ for abstract): two that listen and one of datagrams.
    """
    doors: dict[str, Callable[[], object]] = {
        "read-file": lambda: _read(canary),
        "list-folder": lambda: os.listdir(os.path.dirname(canary)),  # noqa: PTH120, PTH208  no more imports than needed
        "write-file": lambda: _write(os.path.join(folder, "written")),  # noqa: PTH118  as above
        "write-system": lambda: _write_anywhere(("/", "/usr", "/etc", "/var/tmp", "/dev/shm", "/run")),  # noqa: S108  that is the attempt
        "change-file": lambda: _change(canary),
        "read-environ": lambda: _of_process(server, "environ"),
        "read-memory": lambda: _of_process(server, "maps"),
        "see-processes": _processes,
        "signal": lambda: _signalled(server),
        "signal-by-descriptor": lambda: _owned(server),
        "limits": lambda: _limits(server),
        "scheduling": lambda: _scheduled(server),
        "fork": _forked,
        "exec": _replaced,
        "tcp": lambda: socket.create_connection(("127.0.0.1", port), _CONNECT_TIMEOUT_S),
        "unix-socket": lambda: _connected(addresses[0]),
        "abstract-socket": lambda: _connected(addresses[1]),
        "datagram": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", _named(addresses[2])),
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "mount": _mounted,
        "root": lambda: os.setuid(0),
        "namespaces": lambda: _checked(_libc.unshare(_NEW_USER)),
        "memory-file": lambda: os.memfd_create("x"),
        "capabilities": _capabilities,
        "terminal": lambda: os.open("/dev/tty", os.O_RDWR),
        "descriptors": _files_left_open,
        # Last, because a process that is traced stops at its next signal.
        "ptrace": lambda: _checked(_libc.ptrace(0, 0, 0, 0)),
    }
    return {name: found for name, found in ((name, _tried(door)) for name, door in doors.items()) if found is not None}


def _tried(door: Callable[[], object]) -> str | None:
    """What it came to; None if the door is shut."""
    try:
        found = door()
    except (OSError, ValueError, AttributeError):
        return None
    return None if found is False else str(found)[:100]


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  no more imports than needed
        return file.read(100)


def _write(path: str) -> bool:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
    return True


def _write_anywhere(folders: tuple[str, ...]) -> str | bool:
    for folder in folders:
        path = f"{folder.rstrip('/')}/jinba-self-test-{os.getpid()}"
        try:
            _write(path)
        except OSError:
            continue
        os.unlink(path)  # noqa: PTH108  as above
        return folder
    return False


def _change(path: str) -> bool:
    """Whether the file is still what it was is for the host to see: a refusal may be a success that did nothing."""
    with contextlib.suppress(OSError):
        os.chmod(path, 0o777)  # noqa: PTH101, S103  that is the attempt
    with contextlib.suppress(OSError):
        os.truncate(path, 0)
    return False


def _of_process(pid: int, name: str) -> str | bool:
    return _read(f"/proc/{pid}/{name}") or False


def _processes() -> list[str] | bool:
    others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]  # noqa: PTH208  as above
    return others or False


def _signalled(pid: int) -> bool:
    # Number 1 of its own PID namespace may well have the server's number.
    if pid == os.getpid():
        return False
    os.kill(pid, 0)
    return True


def _limits(pid: int) -> object:
    return False if pid == os.getpid() else resource.prlimit(pid, resource.RLIMIT_NOFILE)


def _owned(pid: int) -> bool:
    """Whoever owns a descriptor is signalled when data comes, by any signal that was asked for."""
    with socket.socketpair()[0] as one:
        fcntl.fcntl(one, fcntl.F_SETOWN, pid)
    return True


def _scheduled(pid: int) -> bool:
    if pid == os.getpid():
        return False
    os.sched_setaffinity(pid, os.sched_getaffinity(pid))
    return True


def _forked() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def _replaced() -> str | bool:
    try:
        os.execv("/nowhere/program", ["program"])  # noqa: S606  that is the attempt
    except PermissionError:
        return False
    except OSError as error:
        return error.strerror or "tried"


def _connected(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(_named(address))
    return True


def _named(address: str) -> str:
    return "\0" + address[1:] if address.startswith("@") else address


def _mounted() -> str | bool:
    """Who may mount is told that there is no such file system, which mounts nothing."""
    _libc.mount(b"none", b".", b"no-such-kind", 0, None)
    return False if ctypes.get_errno() == errno.EPERM else os.strerror(ctypes.get_errno())


def _checked(result: int) -> bool:
    return result >= 0


def _capabilities() -> str | bool:
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0), (ctypes.c_uint32 * 6)()
    _checked(_libc.capget(header, sets))
    return bytes(sets).hex() if any(sets) else False


def _files_left_open() -> str | bool:
    """Descriptors of files and folders; a run is given sockets, pipes and /dev/null."""
    found = []
    for descriptor in range(_MAX_DESCRIPTORS):
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISBLK(mode):
            found.append(descriptor)
    return str(found) if found else False
