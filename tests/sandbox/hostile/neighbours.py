"""Neighbours: what one run leaves for the next, and what it can learn of others of the same version."""

from tests.sandbox.hostile.attacks import Expected, Wall, attack

_ELSEWHERE = "/tmp/elsewhere"  # noqa: S108  where a tool may write
_NONE_LEFT = Expected((Wall.ONE_SHOT,))

ATTACKS = (
    attack(
        "leave-state",
        "leave something in memory, in the environment, in files, in modules, for the next run",
        """
        import builtins, json, signal, threading
        def run(scene: dict):
            def left(is_there, leave):
                def door():
                    if scene["step"]: return found(is_there())
                    leave()
                    raise Nothing
                return door
            return attempts({
                "builtins": left(lambda: hasattr(builtins, "left"), lambda: setattr(builtins, "left", 1)),
                "environment": left(lambda: "LEFT" in os.environ, lambda: os.environ.update(LEFT="1")),
                "file": left(lambda: os.listdir("."), lambda: open("left", "w").close()),
                "temporary": left(lambda: found(os.listdir("/tmp") if os.getcwd() == "/tmp" else []), lambda: None),
                "module": left(lambda: hasattr(json, "left"), lambda: setattr(json, "left", 1)),
                "modules": left(lambda: "left" in sys.modules, lambda: sys.modules.update(left=json)),
                "path": left(lambda: "left" in sys.path, lambda: sys.path.append("left")),
                "folder": left(lambda: os.getcwd() == "/usr", lambda: None),
                "handler": left(
                    lambda: signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN,
                    lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
                ),
                "mask": left(lambda: os.umask(0o077) != 0o077, lambda: os.umask(0)),
                "thread": left(
                    lambda: threading.active_count() > 1,
                    lambda: threading.Thread(target=signal.pause, daemon=True).start(),
                ),
                "name": left(lambda: b"left" in name(), lambda: call("prctl", 15, b"left", 0, 0, 0)),
            })
        def name():
            buffer = ctypes.create_string_buffer(16)
            call("prctl", 16, buffer, 0, 0, 0)
            return buffer.value
        """,
        _NONE_LEFT,
        run_count=3,
        bundle={"prewarm": "tool"},
    ),
    attack(
        "leave-state-for-another-organization",
        "leave something in a process that is used again, for somebody else",
        """
        import builtins
        def run(scene: dict):
            reached()
            left = getattr(builtins, "left", None)
            builtins.left = scene["step"]
            return "nothing" if left is None else f"of run {left}"
        """,
        Expected((Wall.ONE_SHOT,), returns=("nothing",)),
        run_count=3,
        bundle={"mode": "reuse", "prewarm": "off"},
    ),
    attack(
        "flags-of-a-shared-descriptor",
        "leave a note in the flags or locks of a descriptor that all runs inherit",
        """
        import fcntl
        def run(scene: dict):
            def flags(fd):
                note = os.O_APPEND | os.O_NONBLOCK
                if scene["step"]: return found(fcntl.fcntl(fd, fcntl.F_GETFL) & note)
                fcntl.fcntl(fd, fcntl.F_SETFL, note)
                raise Nothing
            return attempts({str(fd): lambda fd=fd: flags(fd) for fd in range(3)})
        """,
        Expected((Wall.ONE_SHOT,)),
        run_count=2,
    ),
    attack(
        "secrets-in-memory",
        "find the env of another run in the memory that all share",
        """
        import gc, re
        def run(scene: dict):
            secret = re.compile(rb"jinba-[s]ecret-[0-9a-f]{16}")
            def scan():
                reader, writer = os.pipe()
                starts = {id(each) >> 28 for each in (*gc.get_objects()[::50], secret, run, os, sys.modules)}
                for start in starts:
                    for page in range(start << 16, (start + 1) << 16):
                        if _libc.write(writer, ctypes.c_void_p(page << 12), ctypes.c_size_t(4096)) != 4096: continue
                        if secret.search(os.read(reader, 4096)): return hex(page)
                raise Nothing
            return attempts({
                "memory": scan,
                "environment": lambda: found([value for value in os.environ.values() if secret.match(value.encode())]),
                "objects": lambda: found([one for one in gc.get_objects() if type(one) is dict and "SECRET" in one]),
            })
        """,
        Expected((Wall.ONE_SHOT,)),
    ),
    attack(
        "repeated-chance",
        "know what another run draws by lot",
        """
        import random, secrets, uuid
        def run(scene: dict):
            reached()
            return [random.random(), secrets.token_hex(8), str(uuid.uuid4()), os.urandom(8).hex()]
        """,
        Expected((Wall.ONE_SHOT,)),
        run_count=4,
        is_distinct=True,
        bundle={"prewarm": "tool"},
    ),
    attack(
        "shared-objects",
        "meet another run in memory, queues or semaphores of the kernel",
        """
        def run(scene: dict):
            numbers = scene["numbers"]
            return attempts({
                "memory": lambda: call("syscall", numbers["shmget"], 0x6A, 4096, 0o1666),
                "semaphores": lambda: call("syscall", numbers["semget"], 0x6A, 1, 0o1666),
                "queue": lambda: call("syscall", numbers["msgget"], 0x6A, 0o1666),
                "posix queue": lambda: call("syscall", numbers["mq_open"], b"jinba", 0o102, 0o666, None),
                "key": lambda: call("syscall", numbers["add_key"], b"user", b"jinba", b"x", 1, -3),
                "keys": lambda: call("syscall", numbers["keyctl"], 0, -3, 1),
                "asked key": lambda: call("syscall", numbers["request_key"], b"user", b"jinba", None, -3),
                "watch": lambda: call("syscall", numbers["inotify_init1"], 0),
                "watch all": lambda: call("syscall", numbers["fanotify_init"], 0, 0),
                "posix memory": lambda: os.open("/dev/shm/jinba", os.O_CREAT | os.O_RDWR),
                "semaphore": lambda: __import__("multiprocessing").get_context("fork").Lock(),
            })
        """,
        Expected((Wall.SECCOMP, Wall.TREE, Wall.READ_ONLY)),
        Expected((Wall.SECCOMP, Wall.LANDLOCK)),
    ),
    attack(
        "processes-of-neighbours",
        "signal or trace whatever has a number",
        """
        def run(scene: dict):
            def kill_all():
                hit = []
                for pid in range(2, 400):
                    try: os.kill(pid, 9)
                    except OSError: continue
                    hit.append(pid)
                return found(hit)
            return attempts({
                "kill": kill_all,
                "zygote": lambda: os.kill(found(os.getppid()), 9),
                "children": lambda: os.waitpid(-1, os.WNOHANG),
                "pidfds": lambda: os.pidfd_open(found(os.getppid())),
            })
        """,
        Expected((Wall.SECCOMP, Wall.PID_NAMESPACE, Wall.ONE_SHOT)),
        Expected((Wall.SECCOMP, Wall.ONE_SHOT)),
    ),
    attack(
        "env-as-a-lever",
        "have the loader, Python or its allocator do our will by the ToolSet's variables",
        """
        def run(scene: dict):
            reached()
            return "only data" if os.environ["LD_PRELOAD"].endswith("evil.so") and not sys.flags.inspect else "loaded"
        """,
        Expected((Wall.CLEAN_START,), returns=("only data",)),
        env=dict.fromkeys(("LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "HOME", "TMPDIR", "PATH"), _ELSEWHERE)
        | dict.fromkeys(("LD_PRELOAD", "LD_AUDIT", "PYTHONSTARTUP"), f"{_ELSEWHERE}/evil.so")
        | {"PYTHONINSPECT": "1", "GLIBC_TUNABLES": "glibc.malloc.check=3", "MALLOC_ARENA_MAX": "100000"},
    ),
)
