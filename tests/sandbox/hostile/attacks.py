"""What a hostile tool is, which walls there are, and by what signs one knows that a wall held."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import JsonValue


class Wall(StrEnum):
    """The primitive that stops an attack."""

    TREE = "pivot_root: the tree holds no such file"
    STUB = "pivot_root: a stub stands there"
    READ_ONLY = "read-only mounts"
    LANDLOCK = "Landlock"
    OTHER_USER = "it belongs to another user"
    TMPFS = "tmpfs size and inodes"
    FILE_SIZE = "RLIMIT_FSIZE"
    SECCOMP = "seccomp"
    SECCOMP_IGNORED = "seccomp: answered as done, and not done"
    SECCOMP_KILL = "seccomp: another machine's calls end the process"
    NO_PRIVILEGES = "no capabilities, NO_NEW_PRIVS"
    PID_NAMESPACE = "PID namespace"
    NET_NAMESPACE = "empty network namespace"
    PROXY = "the proxy's gate"
    BROKER = "seccomp notification: the host's broker connects, or does not"
    MEMORY = "RLIMIT_DATA and RLIMIT_AS"
    THREADS = "RLIMIT_NPROC"
    DESCRIPTORS = "RLIMIT_NOFILE"
    LIMITS = "hard limits, which only a privileged process raises"
    CPU = "RLIMIT_CPU"
    DEADLINE = "deadline, then SIGKILL by pidfd"
    OUTPUT = "output limit"
    LOG = "bounded pipes"
    PROTOCOL = "what a worker sends is taken for hostile"
    GUEST = "the guest's own care: only its own run is lost"
    ONE_SHOT = "one process for each run"
    CLEAN_START = "clean environment, -I -S, no descriptors but the run's"
    CLEANUP = "the host removes it after the run's death, following no link"
    LOCKED_MOUNTS = "mounts locked by a further user namespace"
    SHARED_ONLY = "one zygote for each version: it shares nothing with others"
    NOT_SHARED = "no package's code in the zygote"
    OWN_LOOP = "the kernel: a socket has one peer for ever"
    ANNOUNCED = "nothing: `Isolation.weaker` says so"


SIGNS: Mapping[Wall, frozenset[str]] = {
    Wall.TREE: frozenset({"ENOENT", "ENOTDIR"}),
    Wall.STUB: frozenset({"nothing"}),
    Wall.READ_ONLY: frozenset({"EROFS"}),
    Wall.LANDLOCK: frozenset({"EACCES", "EXDEV"}),
    Wall.OTHER_USER: frozenset({"EACCES", "EPERM"}),
    Wall.SECCOMP: frozenset({"EPERM", "ENOSYS"}),
    Wall.SECCOMP_IGNORED: frozenset({"done: None"}),
    Wall.NO_PRIVILEGES: frozenset({"EPERM", "EACCES"}),
    Wall.PID_NAMESPACE: frozenset({"ESRCH", "nothing"}),
    Wall.NET_NAMESPACE: frozenset({"ECONNREFUSED", "ENETUNREACH", "gaierror"}),
    Wall.PROXY: frozenset({"403", "400", "502", "nothing"}),
    Wall.BROKER: frozenset({"ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "EACCES", "EPERM", "ENOSYS"}),
    Wall.MEMORY: frozenset({"ENOMEM", "MemoryError"}),
    Wall.THREADS: frozenset({"EAGAIN"}),
    Wall.DESCRIPTORS: frozenset({"EMFILE"}),
    Wall.LIMITS: frozenset({"EPERM", "ValueError"}),
    Wall.CLEAN_START: frozenset({"nothing", "EBADF", "ENOTDIR"}),
    Wall.ONE_SHOT: frozenset({"nothing", "ECHILD"}),
    Wall.OWN_LOOP: frozenset({"EISCONN", "EINVAL", "EOPNOTSUPP", "EPROTONOSUPPORT"}),
    Wall.SHARED_ONLY: frozenset({"zygote"}),
    Wall.NOT_SHARED: frozenset({"worker"}),
    Wall.LOCKED_MOUNTS: frozenset({"EPERM", "EROFS", "ENOENT", "EINVAL"}),
}
"""What an attempt comes to where a wall stands: the name of an error, or `nothing`. Others are seen by how runs end."""

LIMITS: Mapping[str, float] = {
    "timeout_s": 40,
    "cpu_s": 10,
    "memory_bytes": 64 * 1024 * 1024,
    "process_count": 8,
    "tmp_bytes": 4 * 1024 * 1024,
    "output_bytes": 64 * 1024,
    "log_bytes": 4096,
}
"""What a hostile tool gets unless its row says otherwise."""
SOON = {"timeout_s": 2.0}
"""For tools that must run into their deadline; they have to be loaded by then, too."""

REACHED = "reached"
"""The first line that every tool prints: it has come as far as its attack."""

PRELUDE = f"""
ONLY = None
import ctypes, errno, os, sys
_libc = ctypes.CDLL(None, use_errno=True)
class Nothing(Exception): pass
def reached():
    if ONLY is None: os.write(1, b"{REACHED}\\n")
def found(what):
    if not what: raise Nothing
    return what
def call(name, *arguments):
    result = getattr(_libc, name)(*(ctypes.c_long(each) if isinstance(each, int) else each for each in arguments))
    if result < 0: raise OSError(ctypes.get_errno(), name)
    return result
def outcome(door):
    try: return f"done: {{door()!r}}"[:200]
    except Nothing: return "nothing"
    except OSError as error:
        error = error.reason if isinstance(getattr(error, "reason", None), OSError) else error
        return errno.errorcode.get(error.errno, type(error).__name__)
    except BaseException as error: return type(error).__name__
def attempts(doors):
    reached()
    return {{name: outcome(door) for name, door in doors.items() if ONLY is None or name in ONLY}}
"""


@dataclass(frozen=True)
class Expected:
    """What must come of an attack behind one kind of walls.

    `ends` are names of errors, one of which the run may fail with; `returns` is what it may give instead. Without
    `returns` the tool gives what each attempt came to, and each must be a sign of these walls.
    """

    walls: tuple[Wall, ...]
    ends: tuple[str, ...] = ()
    returns: tuple[JsonValue, ...] = ()


@dataclass(frozen=True)
class Attack:
    """One hostile tool. `run(scene)` gets what `scenes.Scene.told` tells and, as `step`, how often it ran before."""

    name: str
    tries: str
    code: str
    strong: Expected
    contained: Expected
    """In Landlock's tier, where there are neither namespaces nor mounts."""
    behind_bwrap: Expected | None = None
    """Where it is not as in `strong`: there is no zygote, no network, and a tree that bubblewrap made."""
    limits: Mapping[str, float] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    run_count: int = 1
    open_without_walls: tuple[str, ...] = ()
    """Attempts that get through where no wall stands, and harm nothing but the scene."""
    bundle: Mapping[str, JsonValue] = field(default_factory=dict)
    """A bundle of its own with these fields; otherwise all attacks come from one zygote."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Files that the bundle's environment holds, by path; it has a bundle of its own then."""
    max_reports: int = 200
    is_distinct: bool = False
    """Whether no two runs may return the same."""
    machines: tuple[str, ...] = ()
    """The only machines that it can be tried on, by `platform.machine()`; all if empty."""

    @property
    def source(self) -> str:
        return PRELUDE + textwrap.dedent(self.code)

    def unwalled(self, scene: Mapping[str, object]) -> str:
        """The same where no wall stands: only the attempts that harm nothing there."""
        only = {str(scene.get(name, name)) for name in self.open_without_walls}
        return f"{self.source}\nONLY = {only!r}\nos.chdir({scene['open_folder']!r})\n"


def attack(
    name: str,
    tries: str,
    code: str,
    strong: Expected,
    contained: Expected | None = None,
    **more: Any,
) -> Attack:
    """A row; one that gives no `contained` meets the same walls in both tiers."""
    return Attack(name, tries, code, strong, contained or strong, **more)
