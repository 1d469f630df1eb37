"""Files: reading the host's, writing where others read, leaving behind what hurts whoever cleans up."""

from tests.sandbox.hostile.attacks import Expected, Wall, attack

_ABSENT = Expected((Wall.TREE,))
_FORBIDDEN = Expected((Wall.LANDLOCK, Wall.OTHER_USER))
_NOT_WRITABLE = Expected((Wall.READ_ONLY, Wall.TREE, Wall.OTHER_USER))

ATTACKS = (
    attack(
        "read-host-files",
        "open what lies on the machine",
        """
        def run(scene: dict):
            paths = [scene["canary"], "/etc/shadow", "/etc/ssh/sshd_config", "/root/.profile", "/var/log/dpkg.log"]
            return attempts({path: lambda path=path: open(path).read(20) for path in paths})
        """,
        _ABSENT,
        Expected((Wall.LANDLOCK, Wall.OTHER_USER, Wall.TREE)),
        open_without_walls=("canary",),
    ),
    attack(
        "read-accounts",
        "find out who has an account on the machine",
        """
        def run(scene: dict):
            def accounts(path): return found(len(open(path).readlines()) > 2)
            return attempts({path: lambda path=path: accounts(path) for path in ("/etc/passwd", "/etc/group")})
        """,
        Expected((Wall.STUB,)),
        _FORBIDDEN,
        behind_bwrap=_ABSENT,
        open_without_walls=("/etc/passwd", "/etc/group"),
    ),
    attack(
        "list-folders",
        "see what there is",
        """
        import glob
        def run(scene: dict):
            folders = ["/var", "/home", "/srv", "/boot", os.path.dirname(scene["canary"]), "/dev/shm", "/sys", "/run"]
            return attempts({folder: lambda folder=folder: os.listdir(folder) for folder in folders} | {
                "above": lambda: found(os.getcwd() != "/tmp" and os.listdir(os.path.dirname(os.getcwd()))),
                "glob": lambda: found(glob.glob("/home/*/*") + glob.glob("/var/*/*")),
            })
        """,
        Expected((Wall.TREE, Wall.STUB)),
        Expected((Wall.LANDLOCK, Wall.STUB, Wall.TREE)),
        open_without_walls=("/var", "/run"),
    ),
    attack(
        "write-outside",
        "leave a file where others find it",
        """
        def run(scene: dict):
            places = [
                scene["open_folder"], "/", "/etc", "/usr/lib", "/usr/local/lib", "/dev", "/dev/shm", "/run", "/var/tmp",
                sys.prefix, os.path.dirname(os.__file__), "/opt/jinba/base", "/opt/packages", *filter(None, sys.path),
            ]
            def write(place): return os.open(place + "/left-by-a-tool", os.O_CREAT | os.O_WRONLY)
            return attempts({place: lambda place=place: write(place) for place in places})
        """,
        _NOT_WRITABLE,
        Expected((Wall.LANDLOCK, Wall.OTHER_USER, Wall.TREE)),
        open_without_walls=("open_folder",),
    ),
    attack(
        "change-a-file",
        "empty, rename, link or remove a file of the host",
        """
        def run(scene: dict):
            path = scene["canary"]
            return attempts({
                "truncate": lambda: os.truncate(path, 0),
                "open": lambda: os.open(path, os.O_RDWR),
                "append": lambda: os.open(path, os.O_WRONLY | os.O_APPEND),
                "rename": lambda: os.rename(path, path + "-renamed"),
                "fetch": lambda: os.rename(path, "fetched"),
                "unlink": lambda: os.unlink(path),
                "rmdir": lambda: os.rmdir(scene["open_folder"]),
                "symlink": lambda: os.symlink("/", scene["open_folder"] + "/left-by-a-tool"),
                "mkdir": lambda: os.mkdir(scene["open_folder"] + "/left-by-a-tool"),
                "setxattr": lambda: os.setxattr(path, "user.a", b"b"),
            })
        """,
        Expected((Wall.TREE, Wall.SECCOMP)),
        Expected((Wall.LANDLOCK, Wall.OTHER_USER, Wall.SECCOMP)),
    ),
    attack(
        "change-modes",
        "make a file of the host accessible, or look older",
        """
        def run(scene: dict):
            path = scene["canary"]
            return attempts({
                "chmod": lambda: os.chmod(path, 0o777),
                "utime": lambda: os.utime(path, (0, 0)),
                "chown": lambda: os.chown(path, os.getuid(), os.getgid()),
            })
        """,
        Expected((Wall.TREE, Wall.SECCOMP)),
        Expected((Wall.SECCOMP_IGNORED, Wall.SECCOMP, Wall.LANDLOCK)),
    ),
    attack(
        "follow-links",
        "reach a file of the host through links of one's own",
        """
        def run(scene: dict):
            os.symlink(scene["canary"], "to-file")
            os.symlink(os.path.dirname(scene["canary"]), "to-folder")
            os.symlink("../" * 40 + scene["canary"], "climbing")
            return attempts({
                "file": lambda: open("to-file").read(20),
                "folder": lambda: os.listdir("to-folder"),
                "climbing": lambda: open("climbing").read(20),
                "writing": lambda: open("to-file", "a"),
                "dots": lambda: open("../" * 40 + scene["canary"]).read(20),
                "process": lambda: open("/proc/self/root" + scene["canary"]).read(20),
                "parent": lambda: open("/proc/1/root" + scene["canary"]).read(20),
                "descriptor": lambda: open("/dev/fd/3/.." + scene["canary"]).read(20),
            })
        """,
        _ABSENT,
        Expected((Wall.LANDLOCK, Wall.TREE)),
        open_without_walls=("file", "folder", "climbing", "dots"),
    ),
    attack(
        "move-across",
        "link or rename between one's own folder and the host's",
        """
        def run(scene: dict):
            open("mine", "w").close()
            return attempts({
                "link in": lambda: os.link(scene["canary"], "linked"),
                "link out": lambda: os.link("mine", scene["open_folder"] + "/left-by-a-tool"),
                "rename out": lambda: os.rename("mine", scene["open_folder"] + "/left-by-a-tool"),
                "exchange": lambda: call("renameat2", -100, scene["canary"].encode(), -100, b"mine", 2),
                "link library": lambda: os.link(os.__file__, "library"),
            })
        """,
        Expected((Wall.TREE, Wall.LANDLOCK)),
        Expected((Wall.LANDLOCK, Wall.OTHER_USER)),
    ),
    attack(
        "descriptors-left-open",
        "find a descriptor of the server or the zygote",
        """
        import stat
        def run(scene: dict):
            def kind(fd):
                mode = os.fstat(fd).st_mode
                return fd > 3 or stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISBLK(mode)
            def is_open(fd):
                try: return os.fstat(fd) is not None
                except OSError: return False
            return attempts({
                "more": lambda: found([fd for fd in range(4096) if is_open(fd) and kind(fd)]),
                "enter": lambda: found([fd for fd in range(4) if outcome(lambda: os.fchdir(fd)).startswith("done")]),
                "below": lambda: os.open("etc/shadow", os.O_RDONLY, dir_fd=0),
                "null": lambda: found(0 < os.fstat(0).st_size),
            })
        """,
        Expected((Wall.CLEAN_START,)),
    ),
    attack(
        "devices",
        "reach memory, disks, terminals and kernel logs",
        """
        import stat
        def run(scene: dict):
            names = ["mem", "kmsg", "port", "sda", "vda", "loop0", "fuse", "kvm", "net/tun", "tty", "ptmx", "console"]
            doors = {name: lambda name=name: os.open("/dev/" + name, os.O_RDWR) for name in names}
            return attempts(doors | {
                "character": lambda: os.mknod("mem", 0o600 | stat.S_IFCHR, os.makedev(1, 1)),
                "block": lambda: os.mknod("disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0)),
                "fifo": lambda: os.mkfifo("fifo"),
            })
        """,
        Expected((Wall.TREE, Wall.SECCOMP)),
        Expected((Wall.LANDLOCK, Wall.TREE, Wall.SECCOMP)),
    ),
    attack(
        "setuid-file",
        "leave or start a program that runs as somebody else",
        """
        def run(scene: dict):
            os.close(os.open("own", os.O_CREAT | os.O_WRONLY, 0o4755))
            os.chmod("own", 0o6755)
            return attempts({
                "own": lambda: os.execv("own", ["own"]),
                "su": lambda: os.execv("/usr/bin/su", ["su"]),
                "mount": lambda: os.execv("/usr/bin/mount", ["mount"]),
            })
        """,
        Expected((Wall.SECCOMP,)),
    ),
    attack(
        "one-big-file",
        "fill the disk with one file",
        """
        def run(scene: dict):
            reached()
            with open("big", "wb") as file:
                for _ in range(64): file.write(bytes(1024 * 1024))
        """,
        Expected((Wall.TMPFS, Wall.FILE_SIZE), ends=("TmpLimit",)),
        Expected((Wall.FILE_SIZE,), ends=("TmpLimit",)),
    ),
    attack(
        "sparse-file",
        "claim a file of a terabyte",
        """
        def run(scene: dict):
            reached()
            with open("sparse", "wb") as file:
                file.truncate(1 << 40)
        """,
        Expected((Wall.FILE_SIZE,), ends=("TmpLimit",)),
    ),
    attack(
        "many-files",
        "fill the disk with files that are each allowed",
        """
        def run(scene: dict):
            reached()
            for number in range(12):
                with open(f"part{number}", "wb") as file: file.write(bytes(1024 * 1024))
            return "filled"
        """,
        Expected((Wall.TMPFS,), ends=("TmpLimit",)),
        Expected((Wall.ANNOUNCED, Wall.CLEANUP), returns=("filled",)),
    ),
    attack(
        "many-inodes",
        "leave more files than anyone wants to remove",
        """
        def run(scene: dict):
            reached()
            for number in range(6000): os.close(os.open(f"file{number}", os.O_CREAT))
            return "left"
        """,
        Expected((Wall.TMPFS,), ends=("TmpLimit",)),
        Expected((Wall.ANNOUNCED, Wall.CLEANUP), returns=("left",)),
        behind_bwrap=Expected((Wall.TMPFS, Wall.PID_NAMESPACE), returns=("left",)),
    ),
    attack(
        "deep-folders",
        "leave folders so deep that removing them needs more calls, or descriptors, than there are",
        """
        def run(scene: dict):
            reached()
            for _ in range(3000):
                os.mkdir("d" * 100)
                os.chdir("d" * 100)
            return "left"
        """,
        Expected((Wall.TMPFS, Wall.CLEANUP), returns=("left",)),
        Expected((Wall.CLEANUP,), returns=("left",)),
    ),
    attack(
        "closed-folders",
        "leave folders that nobody may look into, one in the other",
        """
        def run(scene: dict):
            reached()
            place = "closed"
            for _ in range(5):
                os.mkdir(place, 0o300)
                os.close(os.open(place + "/file", os.O_CREAT, 0))
                place += "/closed"
            os.mkdir("nothing", 0)
            return "left"
        """,
        Expected((Wall.TMPFS, Wall.CLEANUP), returns=("left",)),
        Expected((Wall.CLEANUP,), returns=("left",)),
    ),
    attack(
        "links-for-the-cleaner",
        "have the host remove or change its own files while it cleans up",
        """
        def run(scene: dict):
            reached()
            os.mkdir("shut", 0o300)
            for number, target in enumerate([scene["kept_folder"], scene["canary"], "/", "..", "."]):
                os.symlink(target, f"link{number}")
                os.symlink(target, f"shut/link{number}")
            os.mkdir("shut/deep", 0o300)
            os.symlink(scene["kept_folder"], "shut/deep/" + "l" * 200)
            return "left"
        """,
        Expected((Wall.TMPFS, Wall.CLEANUP), returns=("left",)),
        Expected((Wall.CLEANUP,), returns=("left",)),
    ),
    attack(
        "odd-names",
        "leave names that programs stumble over",
        """
        def run(scene: dict):
            reached()
            for name in (b"-rf", b"*", b"new\\nline", b"\\xff\\xfe", b"\\x1b[2J", b"a" * 255, b"~", b"$(reboot)", b" "):
                os.mkdir(name)
                os.close(os.open(name + b"/" + name, os.O_CREAT))
            return "left"
        """,
        Expected((Wall.TMPFS, Wall.CLEANUP), returns=("left",)),
        Expected((Wall.CLEANUP,), returns=("left",)),
    ),
)
