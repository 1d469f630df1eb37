"""Packages: a stranger's code that runs in the zygote, before any tool, in the place of what the harness imports.

What hostile archives do to the host while they are installed: `tests/sandbox/packages/test_hostile_archives.py`.
"""

import textwrap

from tests.sandbox.hostile.attacks import PRELUDE, Expected, Wall, attack

_PACKAGE = "evilpack.py"
_TELL = """
import builtins, evilpack
def run(scene: dict):
    reached()
    # Later runs come from a zygote that has imported the package already, where packages may be imported there at all.
    return builtins.evil if scene["step"] else {}
"""
_RUN = """
import evilpack
def run(scene: dict):
    reached()
    return "ran"
"""
_WHERE = """
import sys
_frame, IS_ZYGOTE = sys._getframe(), True
while _frame is not None:
    IS_ZYGOTE, _frame = IS_ZYGOTE and not _frame.f_code.co_filename.endswith("main.py"), _frame.f_back
"""


def _trying(doors: str) -> dict[str, str]:
    """A package that tries each of these when it is imported, and leaves what came of it, and where, for the tool."""
    tried = """
import builtins
builtins.evil = {name: outcome(door) for name, door in DOORS.items()}
builtins.evil["imported in the"] = "zygote" if IS_ZYGOTE else "worker"
"""
    return {_PACKAGE: PRELUDE + _WHERE + doors + tried}


def _doing(code: str) -> dict[str, str]:
    """A package that does this when it is imported in the zygote."""
    return {_PACKAGE: _WHERE + "if IS_ZYGOTE:\n" + textwrap.indent(code, "    ")}


ATTACKS = (
    attack(
        "package-rewrites-the-tree",
        "make what all ToolSets read writable, and write to it",
        _TELL,
        Expected((Wall.LOCKED_MOUNTS, Wall.SHARED_ONLY)),
        Expected((Wall.LANDLOCK, Wall.OTHER_USER, Wall.SECCOMP, Wall.TREE, Wall.NOT_SHARED)),
        run_count=2,
        behind_bwrap=Expected(
            (Wall.TREE, Wall.READ_ONLY, Wall.SECCOMP, Wall.OTHER_USER, Wall.ONE_SHOT, Wall.NOT_SHARED)
        ),
        packages=_trying("""
base = next((path for path in sys.path if path.endswith("/base")), "/opt/jinba/base")
places = {"base": "/opt/jinba/base", "packages": "/opt/packages", "usr": "/usr", "prefix": sys.prefix, "shown": base}
def write(place): return os.open(place + "/left-by-a-tool", os.O_CREAT | os.O_WRONLY)
DOORS = {}
for name, place in places.items():
    DOORS |= {
        f"remount {name}": lambda place=place: call("mount", None, place.encode(), None, 4096 | 32, None),
        f"attributes {name}": lambda place=place: call(
            "syscall", 442, -100, place.encode(), 0, (ctypes.c_uint64 * 4)(0, 1, 0, 0), 32
        ),
        f"write {name}": lambda place=place: write(place),
        f"uncover {name}": lambda place=place: call("umount2", place.encode(), 2),
    }
"""),
    ),
    attack(
        "package-becomes-others",
        "become the user of another run, or root, before the worker is made",
        _TELL,
        Expected((Wall.SECCOMP, Wall.OWN_LOOP, Wall.PID_NAMESPACE, Wall.SHARED_ONLY)),
        Expected((Wall.SECCOMP, Wall.OWN_LOOP, Wall.ONE_SHOT, Wall.NOT_SHARED)),
        run_count=2,
        behind_bwrap=Expected(
            (Wall.TREE, Wall.READ_ONLY, Wall.SECCOMP, Wall.OTHER_USER, Wall.ONE_SHOT, Wall.NOT_SHARED)
        ),
        packages=_trying("""
DOORS = {
    "another": lambda: os.setresuid(1_900_000_001, 1_900_000_001, -1),
    "machine's root": lambda: found(os.geteuid() == 0),
    "group": lambda: os.setgroups([0]),
}
"""),
    ),
    attack(
        "package-reads-the-machine",
        "read the host's files before the worker is made",
        _TELL,
        Expected((Wall.TREE, Wall.OTHER_USER, Wall.SHARED_ONLY)),
        Expected((Wall.LANDLOCK, Wall.OTHER_USER, Wall.TREE, Wall.SECCOMP, Wall.NOT_SHARED)),
        run_count=2,
        behind_bwrap=Expected(
            (Wall.TREE, Wall.READ_ONLY, Wall.SECCOMP, Wall.OTHER_USER, Wall.ONE_SHOT, Wall.NOT_SHARED)
        ),
        packages=_trying("""
import socket
DOORS = {
    "shadow": lambda: open("/etc/shadow").read(9),
    "keys": lambda: os.listdir("/etc/ssl/private"),
    "server": lambda: open(f"/proc/{os.getppid()}/environ").read(9),
    "home": lambda: os.listdir("/root"),
    "old root": lambda: os.listdir("/proc/1/root/root"),
    "kept": lambda: open("/var/log/dpkg.log").read(9),
}
"""),
    ),
    attack(
        "package-outlives",
        "leave a process behind that no limit and no deadline knows",
        _RUN,
        Expected((Wall.PID_NAMESPACE,), returns=("ran",)),
        Expected((Wall.SECCOMP,), returns=("ran",)),
        run_count=2,
        packages=_doing("""
import os, signal
if os.fork() == 0:
    while True: signal.pause()
"""),
    ),
    attack(
        "package-shadows-the-harness",
        "stand in the place of the standard library, the harness and our authoring module",
        """
        def run(scene: dict):
            import jinba_mcp, json
            reached()
            is_ours = jinba_mcp.__doc__ and hasattr(sys.modules["guest"], "__doc__")
            return "ours" if is_ours and not hasattr(json, "is_evil") else "theirs"
        """,
        Expected((Wall.CLEAN_START,), returns=("ours",)),
        run_count=2,
        packages={
            "json/__init__.py": "is_evil = True",
            "jinba_mcp/__init__.py": "",
            "jinba_mcp/authoring/__init__.py": "",
            "guest/__init__.py": "raise SystemExit",
            "sitecustomize.py": "import os; os._exit(1)",
            "usercustomize.py": "import os; os._exit(1)",
            "evil.pth": "import os; os._exit(1)",
        },
    ),
    attack(
        "package-talks-to-the-host",
        "say on the zygote's own line what only a zygote may say",
        _RUN,
        Expected((Wall.PROTOCOL,), ends=("SandboxUnavailable",), returns=("ran",)),
        run_count=2,
        packages=_doing("""
import json, os, socket, stat
for fd in range(3, 64):
    try:
        if not stat.S_ISSOCK(os.fstat(fd).st_mode): continue
    except OSError: continue
    line = socket.socket(fileno=os.dup(fd))
    line.setblocking(False)
    pair = socket.socketpair()
    try:
        socket.send_fds(line, [b'{"listener": true}'], [os.open("/dev/null", os.O_RDONLY)] * 9)
        socket.send_fds(line, [b'{"listener": true}'], [pair[0].fileno()])
        for nonsense in (b'{"map": true}', b"[]", b"1", b"{", b"[" * 50_000, b'{"ended": [1e999, 1, 1]}'):
            line.send(nonsense)
    except OSError: pass
"""),
    ),
    attack(
        "package-floods-the-host",
        "report ends of workers that never were, after the zygote is ready",
        _RUN,
        Expected((Wall.PROTOCOL,), ends=("SandboxUnavailable", "WorkerDied"), returns=("ran",)),
        run_count=2,
        packages=_doing("""
import json, os, socket, stat
_load = json.loads
def loads(text, *given, **more):
    for fd in range(3, 64):
        try:
            if not stat.S_ISSOCK(os.fstat(fd).st_mode): continue
            line = socket.socket(fileno=os.dup(fd))
            for nonsense in (b'{"ended": [7, 0, 0]}', b'{"ended": [1e999, 1, 1]}', b"[1]", b"[" * 100_000, b"{}"):
                line.send(nonsense)
        except OSError: continue
    return _load(text, *given, **more)
json.loads = loads
"""),
    ),
    attack(
        "package-ends-the-zygote",
        "end the process that workers are made from",
        _RUN,
        Expected((Wall.PROTOCOL,), ends=("SandboxUnavailable",), returns=("ran",)),
        run_count=2,
        packages=_doing("import os\nos._exit(0)\n"),
    ),
)
