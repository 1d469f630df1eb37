"""Processes: signals to others, other processes' memory, more processes than one, more rights than none."""

from tests.sandbox.hostile.attacks import SOON, Expected, Wall, attack

_SECCOMP = Expected((Wall.SECCOMP,))
_HIDDEN = Expected((Wall.TREE,))

ATTACKS = (
    attack(
        "kill-others",
        "signal the server, another process, all processes",
        """
        def run(scene: dict):
            doors = {}
            others = {"server": scene["server"], "victim": scene["victim"], "parent": os.getppid(), "all": -1}
            for whose, pid in others.items():
                for number in (0, 9, 19):
                    doors[f"{whose} {number}"] = lambda pid=pid, number=number: os.kill(pid, number)
            victim = scene["victim"]
            return attempts(doors | {
                "group": lambda: os.killpg(os.getpgid(victim), 9),
                "thread": lambda: call("syscall", scene["numbers"]["tgkill"], victim, victim, 9),
                "task": lambda: call("syscall", scene["numbers"]["tkill"], victim, 9),
                "queue": lambda: call("syscall", scene["numbers"]["rt_sigqueueinfo"], victim, 9, bytes(128)),
                "pidfd": lambda: call("syscall", scene["numbers"]["pidfd_open"], victim, 0),
                "pidfd of the peer": lambda: call("syscall", scene["numbers"]["pidfd_send_signal"], peer(), 9, None, 0),
            })
        def peer():
            import socket
            with socket.socket(fileno=os.dup(3)) as line:
                return int.from_bytes(line.getsockopt(socket.SOL_SOCKET, 77, 4), "little")  # SO_PEERPIDFD
        """,
        Expected((Wall.SECCOMP, Wall.PID_NAMESPACE, Wall.OWN_LOOP)),
        open_without_walls=("server 0", "victim 0", "pidfd"),
    ),
    attack(
        "owner-of-a-descriptor",
        "have the kernel signal another process for us",
        """
        import fcntl, struct
        def run(scene: dict):
            victim = scene["victim"]
            return attempts({
                "owner": lambda: fcntl.fcntl(3, fcntl.F_SETOWN, victim),
                "owner-ex": lambda: fcntl.fcntl(3, 15, struct.pack("ii", 1, victim)),
                "signal": lambda: fcntl.fcntl(3, 10, 9),
                "ioctl": lambda: fcntl.ioctl(3, 0x8901, struct.pack("i", victim)),
            })
        """,
        _SECCOMP,
    ),
    attack(
        "memory-of-others",
        "trace processes, read and write their memory, take their descriptors",
        """
        def run(scene: dict):
            numbers, buffer = scene["numbers"], ctypes.create_string_buffer(64)
            def vectored(name, pid): return call("syscall", numbers[name], pid, vector, 1, vector, 1, 0)
            vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 64)
            doors = {}
            for whose in ("server", "victim"):
                pid = scene[whose]
                doors |= {
                    f"attach {whose}": lambda pid=pid: call("syscall", numbers["ptrace"], 16, pid, 0, 0),
                    f"seize {whose}": lambda pid=pid: call("syscall", numbers["ptrace"], 0x4206, pid, 0, 0),
                    f"read {whose}": lambda pid=pid: vectored("process_vm_readv", pid),
                    f"write {whose}": lambda pid=pid: vectored("process_vm_writev", pid),
                    f"compare {whose}": lambda pid=pid: call("syscall", numbers["kcmp"], os.getpid(), pid, 1, 0, 0),
                    f"limits {whose}": lambda pid=pid: __import__("resource").prlimit(pid, 7),
                }
            return attempts(doors | {
                "be traced": lambda: call("syscall", numbers["ptrace"], 0, 0, 0, 0),
                "take": lambda: call("syscall", numbers["pidfd_getfd"], 3, 0, 0),
                "advise": lambda: call("syscall", numbers["process_madvise"], 3, vector, 1, 21, 0),
            })
        """,
        _SECCOMP,
    ),
    attack(
        "look-into-proc",
        "read what /proc tells of the server, its parent and oneself",
        """
        def run(scene: dict):
            doors = {"list": lambda: found([name for name in os.listdir("/proc") if name.isdigit()])}
            for pid in (scene["server"], scene["victim"], 1, "self", "thread-self"):
                for name in ("environ", "maps", "mem", "cmdline", "status", "stack", "fdinfo/0", "net/tcp"):
                    path = f"/proc/{pid}/{name}"
                    doors[path] = lambda path=path: found(open(path, "rb").read(50))
                for name in ("cwd", "root", "exe", "ns/user", "fd/0") if isinstance(pid, int) else ():
                    doors[f"{pid} {name}"] = lambda pid=pid, name=name: os.readlink(f"/proc/{pid}/{name}")
            for name in ("kcore", "keys", "kallsyms", "sysrq-trigger", "sys/kernel/core_pattern", "mounts", "cmdline"):
                doors[name] = lambda name=name: open(f"/proc/{name}", "rb").read(50)
            return attempts(doors)
        """,
        _HIDDEN,
        Expected((Wall.LANDLOCK, Wall.OTHER_USER, Wall.SECCOMP, Wall.TREE)),
    ),
    attack(
        "rewrite-proc",
        "map users, change limits, be spared by the OOM killer",
        """
        def run(scene: dict):
            names = ("uid_map", "gid_map", "setgroups", "oom_score_adj", "coredump_filter", "timens_offsets")
            return attempts({name: lambda name=name: open(f"/proc/self/{name}", "w").write("0 0 1") for name in names})
        """,
        _HIDDEN,
        Expected((Wall.LANDLOCK, Wall.TREE)),
    ),
    attack(
        "fork",
        "have a second process, by every way there is",
        """
        import multiprocessing, subprocess
        def run(scene: dict):
            def forked():
                pid = os.fork()
                if pid == 0: os._exit(0)
                return pid
            return attempts({
                "fork": forked,
                "vfork": lambda: call("syscall", scene["numbers"].get("vfork", 220), 17, 0, 0, 0, 0),
                "clone": lambda: call("syscall", scene["numbers"]["clone"], 17, 0, 0, 0, 0),
                "clone with memory": lambda: call("syscall", scene["numbers"]["clone"], 0x100 | 17, 0, 0, 0, 0),
                "clone parent": lambda: call("syscall", scene["numbers"]["clone"], 0x8000 | 17, 0, 0, 0, 0),
                "clone3": lambda: call("syscall", scene["numbers"]["clone3"], bytes(88), 88),
                "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
                "subprocess": lambda: subprocess.run(["/bin/true"]),
                "shell": lambda: found(os.system("true") != -1 and os.WEXITSTATUS(os.system("true")) == 0),
                "multiprocessing": lambda: multiprocessing.get_context("fork").Process(target=print).start(),
            })
        """,
        Expected((Wall.SECCOMP, Wall.PID_NAMESPACE)),
        open_without_walls=("fork", "spawn", "subprocess", "shell"),
    ),
    attack(
        "exec",
        "become another program",
        """
        def run(scene: dict):
            numbers = scene["numbers"]
            return attempts({
                "execve": lambda: os.execve("/bin/true", ["true"], {}),
                "interpreter": lambda: os.execve(sys.executable or "/usr/bin/python3", ["python"], {}),
                "execveat": lambda: call("syscall", numbers["execveat"], -100, b"/bin/true", None, None, 0),
                "descriptor": lambda: os.execve(os.open(os.__file__, os.O_RDONLY), ["x"], {}),
                "memory": lambda: os.memfd_create("program"),
                "loader": lambda: os.execv("/lib64/ld-linux-x86-64.so.2", ["ld", "/bin/true"]),
            })
        """,
        Expected((Wall.SECCOMP, Wall.TREE)),
        open_without_walls=("memory",),
    ),
    attack(
        "thread-bomb",
        "start threads until nothing goes any more",
        """
        import threading
        def run(scene: dict):
            reached()
            gate = threading.Event()
            for _ in range(200): threading.Thread(target=gate.wait, daemon=True).start()
            return "bombed"
        """,
        Expected((Wall.THREADS,), ends=("ProcessLimit",)),
        Expected((Wall.THREADS, Wall.MEMORY, Wall.ANNOUNCED), ends=("ProcessLimit",), returns=("bombed",)),
        limits={"memory_bytes": 256 * 1024 * 1024},
    ),
    attack(
        "raise-limits",
        "take back the limits",
        """
        import resource
        def run(scene: dict):
            names = ("CPU", "FSIZE", "DATA", "AS", "NPROC", "NOFILE", "CORE", "MEMLOCK", "MSGQUEUE")
            def freed(name):
                which = getattr(resource, "RLIMIT_" + name)
                soft, hard = resource.getrlimit(which)
                if hard == resource.RLIM_INFINITY: raise Nothing
                resource.setrlimit(which, (hard + 1, hard + 1))
            return attempts({name: lambda name=name: freed(name) for name in names})
        """,
        Expected((Wall.LIMITS,)),
        Expected((Wall.LIMITS, Wall.ANNOUNCED, Wall.ONE_SHOT)),
    ),
    attack(
        "change-user",
        "be root, or anybody else, or have a capability",
        """
        def run(scene: dict):
            numbers = scene["numbers"]
            header = (ctypes.c_uint32 * 2)(0x20080522, 0)
            full = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
            sets = (ctypes.c_uint32 * 6)()
            _libc.capget(header, sets)
            return attempts({
                "setuid": lambda: os.setuid(0),
                "setreuid": lambda: os.setreuid(0, 0),
                "setresuid": lambda: os.setresuid(0, 0, 0),
                "setgid": lambda: os.setgid(0),
                "setgroups": lambda: os.setgroups([0]),
                "setfsuid": lambda: call("syscall", numbers["setfsuid"], 0),
                "capset": lambda: call("syscall", numbers["capset"], header, full),
                "held": lambda: found(any(sets)),
                "root": lambda: found(0 in os.getresuid()),
            })
        """,
        Expected((Wall.SECCOMP, Wall.ONE_SHOT)),
    ),
    attack(
        "process-controls",
        "turn off what the process was started with",
        """
        def run(scene: dict):
            names = {
                "outlive the parent": (1, 0), "be dumpable": (4, 1), "new privileges": (38, 0), "ambient": (47, 2, 21),
                "bits": (28, 0), "seccomp": (22, 2, 0), "tracer": (0x59616D61, -1), "memory map": (35, 8, 0),
                "reaper": (36, 1), "timing": (26, 1), "slack": (29, 1), "speculation": (52, 0, 2), "keep": (8, 1),
            }
            def control(given): return call("prctl", *given, *[0] * (5 - len(given)))
            return attempts({name: lambda given=given: control(given) for name, given in names.items()})
        """,
        _SECCOMP,
    ),
    attack(
        "schedule",
        "run before all others, elsewhere, in another session",
        """
        def run(scene: dict):
            numbers = scene["numbers"]
            return attempts({
                "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -20),
                "nice": lambda: os.nice(-5),
                "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
                "affinity": lambda: os.sched_setaffinity(0, {0}),
                "affinity of the server": lambda: os.sched_setaffinity(scene["server"], {0}),
                "disk": lambda: call("syscall", numbers["ioprio_set"], 1, 0, 1 << 13),
                "session": lambda: os.setsid(),
                "group": lambda: os.setpgid(0, 0),
                "pages": lambda: call("syscall", numbers["migrate_pages"], scene["server"], 0, None, None),
            })
        """,
        _SECCOMP,
    ),
    attack(
        "outlive-the-answer",
        "go on working in threads after the run was answered",
        """
        import threading, time
        def run(scene: dict):
            reached()
            def work():
                while True: time.sleep(0.01)
            for _ in range(4): threading.Thread(target=work, daemon=False).start()
            return "answered"
        """,
        Expected((Wall.ONE_SHOT, Wall.PID_NAMESPACE), returns=("answered",)),
        Expected((Wall.ONE_SHOT,), returns=("answered",)),
    ),
    attack(
        "ignore-signals",
        "ignore every signal and run on for ever",
        """
        import signal
        def run(scene: dict):
            for number in signal.valid_signals():
                try: signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError): pass
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            reached()
            while True: pass
        """,
        Expected((Wall.DEADLINE,), ends=("Timeout",)),
        limits=SOON,
    ),
    attack(
        "stop-oneself",
        "stop, so that no signal and no deadline is heard",
        """
        import signal
        def run(scene: dict):
            reached()
            for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN):
                try: os.kill(os.getpid(), number)
                except OSError: pass
            while True: signal.pause()
        """,
        Expected((Wall.DEADLINE,), ends=("Timeout",)),
        limits=SOON,
    ),
    attack(
        "crash",
        "end by a fault of memory",
        """
        def run(scene: dict):
            reached()
            ctypes.string_at(0)
        """,
        Expected((Wall.GUEST,), ends=("WorkerDied",)),
    ),
    attack(
        "exit-as-if-all-were-well",
        "end the process with status 0 and no answer",
        """
        def run(scene: dict):
            reached()
            os._exit(0)
        """,
        Expected((Wall.PROTOCOL,), ends=("WorkerDied",)),
    ),
    attack(
        "exit-as-if-there-were-no-walls",
        "end with the status that a worker has whom the kernel would not wall in",
        """
        def run(scene: dict):
            reached()
            os._exit(97)
        """,
        Expected((Wall.PROTOCOL,), ends=("WorkerDied",)),
    ),
)
