"""The kernel's surface: calls that make or enter other worlds, calls of other machines, calls that nobody knows yet."""

from tests.sandbox.hostile.attacks import Expected, Wall, attack

_SECCOMP = Expected((Wall.SECCOMP,))
_KILLED = Expected((Wall.SECCOMP_KILL,), ends=("WorkerDied",))

ATTACKS = (
    attack(
        "mounts",
        "change what is seen of the machine",
        """
        def run(scene: dict):
            numbers = scene["numbers"]
            return attempts({
                "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
                "proc": lambda: call("mount", b"proc", b"/tmp", b"proc", 0, None),
                "bind": lambda: call("mount", b"/", b"/tmp", None, 4096, None),
                "remount": lambda: call("mount", None, b"/usr", None, 4096 | 32, None),
                "umount": lambda: call("umount2", b"/tmp", 2),
                "umount root": lambda: call("umount2", b"/", 2),
                "pivot": lambda: call("syscall", numbers["pivot_root"], b".", b"."),
                "chroot": lambda: os.chroot("."),
                "tree": lambda: call("syscall", numbers["open_tree"], -100, b"/", 1),
                "move": lambda: call("syscall", numbers["move_mount"], 3, b"", -100, b"/tmp", 4),
                "open": lambda: call("syscall", numbers["fsopen"], b"tmpfs", 0),
                "attributes": lambda: call("syscall", numbers["mount_setattr"], -100, b"/", 0, bytes(32), 32),
            })
        """,
        _SECCOMP,
    ),
    attack(
        "namespaces",
        "make or enter a world with rights of one's own",
        """
        def run(scene: dict):
            kinds = {"users": 1 << 28, "mounts": 1 << 17, "network": 1 << 30, "processes": 1 << 29, "ipc": 1 << 27}
            def clone(flags): return call("syscall", scene["numbers"]["clone"], flags, 0, 0, 0, 0)
            doors = {f"unshare {name}": lambda flag=flag: call("unshare", flag) for name, flag in kinds.items()}
            doors |= {f"clone {name}": lambda flag=flag: clone(flag | 17) for name, flag in kinds.items()}
            return attempts(doors | {
                "enter by file": lambda: call("setns", os.open("/proc/1/ns/mnt", os.O_RDONLY), 0),
                "enter by socket": lambda: call("setns", 3, 0),
                "files": lambda: call("unshare", 0x400),
                "thread with users": lambda: clone(1 << 28 | 0x10F00),
            })
        """,
        Expected((Wall.SECCOMP, Wall.TREE)),
        Expected((Wall.SECCOMP, Wall.LANDLOCK)),
    ),
    attack(
        "rare-calls",
        "use what an ordinary program never does, and holes are found in",
        """
        NAMES = '''
        bpf perf_event_open userfaultfd keyctl add_key request_key kexec_load init_module finit_module delete_module
        reboot swapon swapoff syslog acct quotactl name_to_handle_at open_by_handle_at fanotify_init inotify_init1
        iopl ioperm modify_ldt personality vhangup sethostname setdomainname vmsplice tee splice process_madvise
        memfd_secret seccomp io_setup set_mempolicy mbind move_pages remap_file_pages nfsservctl uselib
        landlock_create_ruleset lsm_get_self_attr map_shadow_stack ioprio_set setfsuid setfsgid chown fchown lchown
        setxattr fsetxattr removexattr
        '''.split()
        def run(scene: dict):
            numbers = scene["numbers"]
            here = {name: numbers[name] for name in NAMES if name in numbers}
            return attempts({name: lambda each=each: call("syscall", each, *[0] * 6) for name, each in here.items()})
        """,
        _SECCOMP,
    ),
    attack(
        "calls-not-there",
        "use rings, new clones and calls that are not invented yet",
        """
        def run(scene: dict):
            numbers = scene["numbers"]
            doors = {name: lambda name=name: call("syscall", numbers[name], 1, bytes(128), 88) for name in
                     ("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3")}
            doors |= {f"number {number}": lambda number=number: call("syscall", number, 0, 0, 0, 0, 0, 0) for number in
                      (*range(480, 640, 7), 1000, 4095, 0x3FFFFFFF)}
            return attempts(doors)
        """,
        _SECCOMP,
    ),
    attack(
        "calls-of-x32",
        "use the same calls under other numbers",
        "def run(scene: dict):\n    reached()\n    return call('syscall', 0x40000000 | 41, 2, 1, 0)",
        _KILLED,
        machines=("x86_64",),
    ),
    attack(
        "calls-of-i386",
        "use the calls of an older machine, whose numbers mean something else",
        """
        import mmap
        def run(scene: dict):
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(b"\\xb8\\x02\\x00\\x00\\x00\\xcd\\x80\\xc3")  # fork, as i386 numbers it
            code = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
            reached()
            return code()
        """,
        _KILLED,
        machines=("x86_64",),
    ),
    attack(
        "argument-tricks",
        "hide forbidden arguments in bits that the filter might not look at",
        """
        def run(scene: dict):
            numbers, high = scene["numbers"], 1 << 32
            return attempts({
                "socket": lambda: call("syscall", numbers["socket"], high | 2, high | 1, high),
                "typed": lambda: call("syscall", numbers["socketpair"], high | 1, 2 | high, 0, (ctypes.c_int * 2)()),
                "clone": lambda: call("syscall", numbers["clone"], high | 17, 0, 0, 0, 0),
                "terminal": lambda: call("ioctl", 0, 0x5412, b"x"),
                "terminal high": lambda: call("syscall", numbers["ioctl"], 0, high | 0x5412, b"x"),
                "selection": lambda: call("ioctl", 0, 0x541C, b"\\3"),
                "console": lambda: call("ioctl", 0, 0x540E, 1),
                "owner": lambda: call("syscall", numbers["fcntl"], 3, high | 8, scene["victim"]),
                "limits": lambda: call("syscall", numbers["prlimit64"], scene["victim"], 7, None, bytes(16)),
                "prctl": lambda: call("syscall", numbers["prctl"], high | 38, 0, 0, 0, 0),
                "kill": lambda: call("syscall", numbers["kill"], high | scene["victim"], 9),
                "send": lambda: call("syscall", numbers["sendto"], 3, b"x", 1, high | 0x20000000, bytes(16), 16),
            })
        """,
        _SECCOMP,
    ),
    attack(
        "own-filter",
        "put a filter over oneself that answers in the kernel's place, or listens",
        """
        def run(scene: dict):
            numbers = scene["numbers"]
            return attempts({
                "strict": lambda: call("syscall", numbers["seccomp"], 0, 0, None),
                "filter": lambda: call("syscall", numbers["seccomp"], 1, 0, bytes(16)),
                "listener": lambda: call("syscall", numbers["seccomp"], 1, 8, bytes(16)),
                "prctl": lambda: call("prctl", 22, 2, bytes(16), 0, 0),
            })
        """,
        _SECCOMP,
    ),
    attack(
        "leases-and-notices",
        "hold up or watch others by the files that all read",
        """
        import fcntl
        def run(scene: dict):
            library = os.open(os.__file__, os.O_RDONLY)
            harness = os.open(sys.modules["guest"].__path__[0] + "/boot.py", os.O_RDONLY)
            return attempts({
                "lease": lambda: fcntl.fcntl(library, 1024, fcntl.F_WRLCK),
                "lease of the harness": lambda: fcntl.fcntl(harness, 1024, fcntl.F_WRLCK),
                "seal": lambda: fcntl.fcntl(library, 1033, 15),
                "lock": lambda: fcntl.lockf(library, fcntl.LOCK_EX | fcntl.LOCK_NB),
            })
        """,
        Expected((Wall.OTHER_USER, Wall.OWN_LOOP, Wall.CLEAN_START, Wall.SECCOMP)),
    ),
)
