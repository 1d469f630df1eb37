"""Tools that do harm, each with the ways in which its run may end. `/tmp` is the run's own folder in every tier."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SUCCESS = "success"
LIMITS: Mapping[str, float] = {
    "timeout_s": 0.3,
    "cpu_s": 2,
    "memory_bytes": 96 * 1024 * 1024,
    "process_count": 16,
    "tmp_bytes": 2 * 1024 * 1024,
    "output_bytes": 64 * 1024,
    "log_bytes": 16 * 1024,
}


@dataclass(frozen=True)
class Mischief:
    """One of them. On a busy machine the deadline may come first, so each may also end with `Timeout`."""

    name: str
    code: str
    ends: tuple[str, ...]
    """`success`, or the names of errors."""
    limits: Mapping[str, float] = field(default_factory=dict)

    def may_end(self, end: str) -> bool:
        """Whether this is how its run may end."""
        return end == "Timeout" or end in self.ends


_FRAME = """\
        import os, struct
        def frame(kind, raw): os.write(3, struct.pack("<BI", ord(kind), len(raw)) + raw)
"""
_HERE = """\
        import os
        os.chdir(os.environ["TMPDIR"])
"""

ALL = (
    # It ends by itself.
    Mischief(
        "raises",
        """\
        def run():
            raise RuntimeError('no')""",
        ("RuntimeError",),
    ),
    Mischief(
        "exits",
        """\
        import sys
        def run():
            sys.exit(0)""",
        ("SystemExit",),
    ),
    Mischief(
        "exits at once",
        """\
        import os
        def run():
            os._exit(0)""",
        ("WorkerDied",),
    ),
    Mischief(
        "exits while loading",
        """\
        import os
        os._exit(3)""",
        ("WorkerDied",),
    ),
    Mischief(
        "segfaults",
        """\
        import ctypes
        def run():
            ctypes.string_at(1)""",
        ("WorkerDied",),
    ),
    Mischief(
        "is no Python",
        """\
        def run(:""",
        ("ToolCodeInvalid",),
    ),
    Mischief(
        "aborts",
        """\
        import os
        def run():
            os.abort()""",
        ("WorkerDied", "PermissionError"),
    ),
    # It does not end.
    Mischief(
        "loops",
        """\
        def run():
            while True: pass""",
        (),
    ),
    Mischief(
        "loops while loading",
        """\
        while True: pass""",
        (),
    ),
    Mischief(
        "loops in C",
        """\
        import re
        def run():
            re.match('(a|a)*b', 'a' * 60)""",
        (),
    ),
    Mischief(
        "sleeps",
        """\
        import time
        def run():
            time.sleep(99)""",
        (),
    ),
    Mischief(
        "is deaf",
        """\
        import signal
        def run():
            for n in range(1, 32):
                try: signal.signal(n, signal.SIG_IGN)
                except OSError: pass
            while True: pass""",
        (),
    ),
    Mischief(
        "stops itself",
        """\
        import os
        def run():
            os.kill(os.getpid(), 19)
            os.kill(0, 19)""",
        ("PermissionError", SUCCESS),
    ),
    Mischief(
        "leaves a thread that loops",
        """\
        import threading
        def loop():
            while True: pass
        def run():
            threading.Thread(target=loop).start()
            return 1""",
        (SUCCESS,),
    ),
    Mischief(
        "hangs at its end",
        """\
        import atexit, time
        atexit.register(time.sleep, 99)
        def run():
            return 1""",
        (SUCCESS,),
    ),
    # It wants everything.
    Mischief(
        "eats memory",
        """\
        def run():
            kept = []
            while True: kept.append(bytearray(1 << 20))""",
        ("MemoryLimit",),
    ),
    Mischief(
        "eats shared memory",
        """\
        import mmap
        def run():
            kept = []
            while True: kept.append(mmap.mmap(-1, 1 << 22))""",
        ("OSError", "MemoryLimit"),
    ),
    Mischief(
        "recurses",
        """\
        def run():
            return run()""",
        ("RecursionError",),
    ),
    Mischief(
        "starts threads",
        """\
        import threading, time
        def run():
            while True: threading.Thread(target=time.sleep, args=(99,), daemon=True).start()""",
        ("ProcessLimit", "MemoryLimit"),
    ),
    Mischief(
        "forks",
        """\
        import os
        def run():
            while True: os.fork()""",
        ("PermissionError", "BlockingIOError"),
    ),
    Mischief(
        "executes",
        """\
        import os
        def run():
            os.execv('/bin/true', ['true'])""",
        ("PermissionError", "FileNotFoundError"),
    ),
    Mischief(
        "opens everything",
        """\
        import os
        def run():
            while True: os.open('/dev/zero', 0)""",
        ("OSError",),
    ),
    Mischief(
        "kills everybody",
        """\
        import os
        def run():
            os.kill(-1, 9)
            os.kill(os.getppid(), 9)""",
        ("PermissionError", "ProcessLookupError", "WorkerDied"),
    ),
    # It leaves things behind.
    Mischief(
        "fills its folder",
        _HERE
        + """\
        def run():
            for n in range(999): open(str(n), 'wb').write(bytes(100_000))""",
        ("TmpLimit", SUCCESS),
    ),
    Mischief(
        "leaves odd names",
        _HERE
        + """\
        def run():
            for name in (b'\\xff\\xfe', b'a\\nb', b'-rf', b'\\x1b[2J', b'n' * 250): os.mkdir(name)
            os.symlink('/', 'root')
            os.symlink('loop', 'loop')
            os.mkdir('shut', 0)
            os.umask(0o777)
            os.mkdir('shut too')
            os.mkfifo('pipe') if hasattr(os, 'mkfifo') else None
            return 1""",
        (SUCCESS, "PermissionError"),
    ),
    Mischief(
        "digs deep",
        _HERE
        + """\
        def run():
            for _ in range(1500):
                os.mkdir('d')
                os.chdir('d')
            return 1""",
        (SUCCESS,),
        {"timeout_s": 2.0},
    ),
    # It floods.
    Mischief(
        "prints without end",
        """\
        def run():
            while True: print('flood')""",
        (),
    ),
    Mischief(
        "writes without end",
        """\
        import os
        def run():
            while True: os.write(1, bytes(65536)); os.write(2, bytes(65536))""",
        (),
    ),
    Mischief(
        "prints a lot",
        """\
        def run():
            print('x' * 1_000_000)
            return 1""",
        (SUCCESS,),
    ),
    Mischief(
        "reports without end",
        """\
        from jinba_mcp.authoring import progress
        def run():
            while True: progress(1, 2, 'flood')""",
        (),
    ),
    Mischief(
        "returns too much",
        """\
        def run():
            return 'x' * 10_000_000""",
        ("OutputLimit", "MemoryLimit"),
    ),
    Mischief(
        "returns depth",
        """\
        def run():
            deep = []
            for _ in range(100_000): deep = [deep]
            return deep""",
        (
            "RecursionError",
            "OutputLimit",
            "ProtocolError",
            "ResultInvalid",
            "ValueError",
            "OutputInvalid",
            "MemoryLimit",
            "WorkerDied",
        ),
    ),
    # It lies.
    Mischief(
        "writes nonsense",
        """\
        import os
        def run():
            os.write(3, b'nonsense' * 999)
            while True: pass""",
        ("ProtocolError",),
    ),
    Mischief(
        "promises a giant",
        """\
        import os, struct
        def run():
            os.write(3, struct.pack('<BI', ord('o'), 2**32 - 1))
            while True: pass""",
        ("ProtocolError",),
    ),
    Mischief(
        "stops in the middle",
        """\
        import os, struct
        def run():
            os.write(3, struct.pack('<BI', ord('o'), 100) + b'{')
            os._exit(0)""",
        ("WorkerDied", "ProtocolError"),
    ),
    Mischief(
        "forges its result",
        _FRAME
        + """\
        def run():
            frame('o', b'{"ok":true,"output":666,"content":null}')
            frame('o', b'{}')
            while True: pass""",
        (SUCCESS, "ProtocolError"),
    ),
    Mischief(
        "answers unasked",
        _FRAME
        + """\
        frame('r', b'')
        frame('o', b'{"ok":true,"output":1}')
        def run():
            return 1""",
        ("ProtocolError", "SandboxUnavailable", SUCCESS),
    ),
    Mischief(
        "answers with depth",
        _FRAME
        + """\
        def run():
            frame('o', b'[' * 60_000)
            while True: pass""",
        ("ProtocolError",),
    ),
    Mischief(
        "closes everything",
        """\
        import os, time
        def run():
            os.closerange(0, 300)
            time.sleep(99)""",
        ("WorkerDied",),
    ),
    Mischief(
        "closes its line",
        """\
        import os, time
        def run():
            os.close(3)
            time.sleep(99)""",
        ("WorkerDied",),
    ),
)
