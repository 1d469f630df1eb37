"""Memory, processor time and waiting: taking all of it, in ways that each limit alone would miss."""

from tests.sandbox.hostile.attacks import SOON, Expected, Wall, attack

_MEMORY = Expected((Wall.MEMORY,), ends=("MemoryLimit",))
_DEADLINE = Expected((Wall.DEADLINE,), ends=("Timeout",))
_CPU = Expected((Wall.CPU,), ends=("CpuLimit",))

ATTACKS = (
    attack(
        "heap-bomb",
        "ask for a gigabyte at once",
        "def run(scene: dict):\n    reached()\n    return len(bytearray(1 << 30))",
        _MEMORY,
    ),
    attack(
        "many-objects",
        "ask for little, and never stop",
        "def run(scene: dict):\n    reached()\n    kept = []\n    while True: kept.append([kept])",
        _MEMORY,
    ),
    attack(
        "keep-what-failed",
        "catch MemoryError and go on, with nothing left to answer with",
        """
        def run(scene: dict):
            reached()
            kept, size = [], 1 << 24
            while size > 16:
                try: kept.append(bytearray(size))
                except MemoryError: size //= 2
            return kept[0].hex()
        """,
        Expected(
            (Wall.MEMORY, Wall.GUEST), ends=("MemoryLimit", "Unreadable", "WorkerDied", "OutputLimit", "OutputInvalid")
        ),
    ),
    attack(
        "decompression-bomb",
        "unpack a little into a lot",
        """
        import zlib
        def run(scene: dict):
            packer = zlib.compressobj(1)
            bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
            reached()
            return len(zlib.decompress(bomb))
        """,
        _MEMORY,
    ),
    attack(
        "shared-mappings",
        "take memory that does not count as data",
        """
        import mmap
        def run(scene: dict):
            reached()
            kept = []
            while True:
                kept.append(mmap.mmap(-1, 32 << 20))
                if len(kept) > 16: return "more than half a gigabyte"
        """,
        Expected((Wall.MEMORY,), ends=("OSError", "MemoryLimit")),
    ),
    attack(
        "memory-files",
        "take memory in files that are nowhere",
        """
        def run(scene: dict):
            numbers = scene["numbers"]
            return attempts({
                "memfd": lambda: os.memfd_create("x"),
                "secret": lambda: call("syscall", numbers["memfd_secret"], 0),
                "system v": lambda: call("syscall", numbers["shmget"], 0, 1 << 30, 0o1600),
                "shm": lambda: os.open("/dev/shm/left-by-a-tool", os.O_CREAT | os.O_RDWR),
                "locked": lambda: call("mlockall", 3),
                "lock": lambda: call("mlock", b"x" * 8192, 8192),
            })
        """,
        Expected((Wall.SECCOMP, Wall.TREE, Wall.READ_ONLY, Wall.MEMORY)),
        Expected((Wall.SECCOMP, Wall.LANDLOCK, Wall.MEMORY)),
        open_without_walls=("memfd",),
    ),
    attack(
        "kernel-memory",
        "have the kernel hold memory in pipes, queues and descriptors under way",
        """
        import fcntl, socket
        def run(scene: dict):
            reached()
            held, lines = 0, []
            try:
                while True:
                    reader, writer = os.pipe()
                    lines.append((reader, writer))
                    os.set_blocking(writer, False)
                    try: fcntl.fcntl(writer, 1031, 1 << 20)
                    except OSError: pass
                    try:
                        while True: held += os.write(writer, bytes(65536))
                    except BlockingIOError: pass
            except OSError as error:
                return f"{errno.errorcode[error.errno]} {held < 160 << 20}"
        """,
        Expected((Wall.DESCRIPTORS,), returns=("EMFILE True",)),
    ),
    attack(
        "descriptors",
        "open more than there are",
        """
        def run(scene: dict):
            reached()
            count = 0
            try:
                while True:
                    os.dup(0)
                    count += 1
            except OSError as error:
                return f"{errno.errorcode[error.errno]} {count < 1024}"
        """,
        Expected((Wall.DESCRIPTORS,), returns=("EMFILE True",)),
    ),
    attack(
        "recursion-in-c",
        "run over the end of the stack",
        """
        def run(scene: dict):
            reached()
            sys.setrecursionlimit(1 << 30)
            deep = None
            for _ in range(1_000_000): deep = [deep]
            return repr(deep)[:10]
        """,
        Expected((Wall.GUEST,), ends=("WorkerDied", "RecursionError", "MemoryLimit")),
    ),
    attack(
        "endless-loop",
        "never end",
        "def run(scene: dict):\n    reached()\n    while True: pass",
        _DEADLINE,
        limits=SOON,
    ),
    attack(
        "endless-import",
        "never end while being loaded",
        "reached()\nwhile True: pass\ndef run(scene: dict): pass",
        _DEADLINE,
        limits=SOON,
    ),
    attack(
        "endless-sleep",
        "wait for what never comes",
        """
        import threading
        def run(scene: dict):
            reached()
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()
        """,
        _DEADLINE,
        limits=SOON,
    ),
    attack(
        "uninterruptible-arithmetic",
        "stay in C, where Python hears no signal",
        "def run(scene: dict):\n    reached()\n    return (7 ** (10 ** 9)) % 10",
        Expected((Wall.DEADLINE, Wall.MEMORY), ends=("Timeout", "MemoryLimit")),
        limits=SOON,
    ),
    attack(
        "regular-expression-bomb",
        "have a regular expression try all ways",
        "import re\ndef run(scene: dict):\n    reached()\n    return bool(re.match(r'(a+)+$', 'a' * 60 + 'b'))",
        _DEADLINE,
        limits=SOON,
    ),
    attack(
        "endless-coroutine",
        "never end in a coroutine that cannot be cancelled",
        """
        import asyncio
        async def run(scene: dict):
            reached()
            while True:
                try: await asyncio.sleep(1000)
                except BaseException: pass
        """,
        _DEADLINE,
        limits={"timeout_s": 6.0},
    ),
    attack(
        "endless-repr",
        "never end while the result is looked at",
        """
        class Endless(dict):
            def items(self):
                while True: yield "a", 1
            def __iter__(self):
                while True: yield "a"
            def __len__(self): return 1
        def run(scene: dict):
            reached()
            return {"a": iter(int, 1), "b": Endless(a=1)}
        """,
        Expected(
            (Wall.GUEST, Wall.DEADLINE, Wall.MEMORY), ends=("OutputInvalid", "Timeout", "MemoryLimit", "OutputLimit")
        ),
        limits=SOON,
    ),
    attack(
        "processor-time",
        "ignore the signal that says that the processor time is used up",
        """
        import signal
        def run(scene: dict):
            signal.signal(signal.SIGXCPU, signal.SIG_IGN)
            reached()
            while True: pass
        """,
        _CPU,
        limits={"cpu_s": 1, "timeout_s": 60},
    ),
    attack(
        "processor-time-in-threads",
        "use the processor in threads that Python's lock does not hold",
        """
        import hashlib, threading
        def run(scene: dict):
            reached()
            def work():
                while True: hashlib.sha256(bytes(1 << 20)).digest()
            for _ in range(3): threading.Thread(target=work).start()
            work()
        """,
        _CPU,
        limits={"cpu_s": 1, "timeout_s": 60},
    ),
    attack(
        "processor-time-again",
        "use more processor time than allowed in a process that is used again",
        """
        import signal
        def run(scene: dict):
            signal.signal(signal.SIGXCPU, signal.SIG_IGN)
            reached()
            while True: pass
        """,
        _CPU,
        limits={"cpu_s": 1, "timeout_s": 60},
        bundle={"mode": "reuse", "prewarm": "off"},
    ),
    attack(
        "turn-the-clock",
        "set the time for everybody",
        """
        import time
        def run(scene: dict):
            numbers = scene["numbers"]
            return attempts({
                "set": lambda: time.clock_settime(time.CLOCK_REALTIME, 0),
                "old": lambda: call("syscall", numbers["settimeofday"], bytes(16), None),
                "adjust": lambda: call("syscall", numbers["adjtimex"], bytes(208)),
                "adjust one": lambda: call("syscall", numbers["clock_adjtime"], 0, bytes(208)),
                "namespace": lambda: call("unshare", 0x80),
            })
        """,
        Expected((Wall.SECCOMP,)),
    ),
    attack(
        "alarm-the-cleanup",
        "have signals arrive while the result is being sent",
        """
        import signal
        def run(scene: dict):
            reached()
            def raising(*_): raise SystemExit
            signal.signal(signal.SIGALRM, raising)
            signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
            return "answered"
        """,
        Expected(
            (Wall.GUEST, Wall.PROTOCOL),
            ends=("WorkerDied", "SystemExit", "ProtocolError", "Unreadable", "Timeout"),
            returns=("answered",),
        ),
        limits=SOON,
    ),
)
