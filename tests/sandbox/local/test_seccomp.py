"""The filters, on this machine's kernel and, for the other machine's numbers, in an interpreter of ours."""

import errno
import platform
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from typing import Literal

import pytest

from jinba_mcp.sandbox.local import seccomp
from jinba_mcp.sandbox.local.bpf import AND, IF_AT_LEAST, IF_EQUAL, JUMP, LOAD, RETURN
from jinba_mcp.sandbox.local.syscalls import MACHINES
from tests.sandbox.local import filtered

Purpose = Literal["zygote", "python", "deno"]
ALLOW, KILL, EPERM, ENOSYS, NOTHING = 0x7FFF0000, 0x80000000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS, 0x50000
NUMBERS = MACHINES[platform.machine()].numbers
KINDS: list[tuple[Purpose, bool]] = [
    (purpose, network) for purpose in ("zygote", "python", "deno") for network in (False, True)
]

UNIX, INET, INET6, STREAM, DGRAM = 1, 2, 10, 1, 2
NEW_USER, NEW_PIDS, THREAD = 0x1000_0000, 0x2000_0000, 0x0001_0F00
FORBIDDEN = """
fork vfork execveat ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd pidfd_send_signal kcmp mount
umount2 pivot_root chroot unshare setns open_tree move_mount fsopen fsmount mount_setattr bpf perf_event_open
userfaultfd keyctl add_key request_key memfd_create memfd_secret shmget shmat semget msgget mq_open kexec_load
init_module finit_module delete_module setuid setgid setresuid setgroups capset chown fchown lchown fchownat mknod
mknodat setxattr removexattr personality tkill rt_sigqueueinfo rt_tgsigqueueinfo bind listen accept accept4 recvmmsg
sendmmsg process_madvise process_mrelease move_pages migrate_pages mbind set_mempolicy sched_setaffinity
sched_setscheduler setpriority ioprio_set setrlimit setpgid setsid inotify_init1 fanotify_init name_to_handle_at
open_by_handle_at splice tee vmsplice io_setup io_submit quotactl reboot swapon sethostname settimeofday
clock_settime adjtimex syslog acct iopl ioperm modify_ldt seccomp remap_file_pages uselib lookup_dcookie
landlock_restrict_self
"""


def decision(program: bytes, number: int, arguments: Sequence[int] = (), arch: int | None = None) -> int:
    """What the filter answers, worked out as the kernel does."""
    data = struct.pack("<iIQ6Q", number, arch or MACHINES["x86_64"].audit_arch, 0, *[*arguments, *[0] * 6][:6])
    position = word = 0
    while True:
        operation, yes, no, value = struct.unpack_from("=HBBI", program, position * 8)
        position += 1
        if operation == RETURN:
            return int(value)
        if operation == LOAD:
            (word,) = struct.unpack_from("<I", data, value)
        elif operation == AND:
            word &= value
        elif operation == JUMP:
            position += value
        else:
            met = word == value if operation == IF_EQUAL else word >= value
            assert operation in {IF_EQUAL, IF_AT_LEAST}
            position += yes if met else no


def on_arm(purpose: Purpose, name: str, *arguments: int, network: bool = False, is_private: bool = True) -> int:
    arm = MACHINES["aarch64"]
    program = seccomp.program(purpose, network=network, is_private=is_private, machine="aarch64")
    return decision(program, arm.numbers[name], arguments, arm.audit_arch)


def test_calls_that_lead_out_of_the_sandbox_are_refused() -> None:
    names = [name for name in FORBIDDEN.split() if name in NUMBERS]
    found = filtered.answers(seccomp.program("python", network=False), [[NUMBERS[name]] for name in names])
    assert {name: answer for name, answer in zip(names, found, strict=True) if answer != "EPERM"} == {}


def test_calls_that_a_filter_cannot_look_into_do_not_exist() -> None:
    names = ("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register")
    found = filtered.answers(seccomp.program("python", network=True), [[NUMBERS[name]] for name in names])
    assert found == ["ENOSYS"] * 4


def test_calls_newer_than_our_numbers_do_not_exist() -> None:
    assert filtered.answers(seccomp.program("python", network=False), [[max(NUMBERS.values()) + 1]]) == ["ENOSYS"]


@pytest.mark.parametrize("kind", [DGRAM, 5, 3])
def test_pairs_of_sockets_are_streams_only(kind: int) -> None:
    """A datagram socket of a pair could send to any other socket of the machine."""
    body = f"""
    import socket
    ends = socket.socketpair()
    ends[0].send(b"x")
    try:
        socket.socketpair(socket.AF_UNIX, {kind})
        answers = "a pair"
    except PermissionError:
        answers = "refused"
    """
    assert filtered.result(seccomp.program("python", network=False), body) == "refused"


def test_no_socket_can_be_made_without_network() -> None:
    asked = [[NUMBERS["socket"], family, STREAM, 0] for family in (UNIX, INET, INET6, 16, 17, 38, 40)]
    assert set(filtered.answers(seccomp.program("python", network=False), asked)) == {"EPERM"}


def test_with_network_only_tcp_sockets_can_be_made() -> None:
    def asked(family: int, kind: int, protocol: int = 0) -> list[int]:
        return [NUMBERS["socket"], family, kind, protocol]

    close_on_exec = 0o2000000
    allowed = [asked(INET, STREAM), asked(INET6, STREAM | close_on_exec, 6)]
    mptcp, sctp = asked(INET, STREAM, 262), asked(INET, STREAM, 132)
    others = [asked(family, STREAM) for family in (UNIX, 16, 17, 31, 38, 40, 43)]
    refused = [asked(INET, DGRAM), asked(INET, 3, 1), asked(INET6, DGRAM), mptcp, sctp, *others]
    found = filtered.answers(seccomp.program("python", network=True), allowed + refused)
    assert set(found[:2]) <= {"ok", "EAFNOSUPPORT"}
    assert set(found[2:]) == {"EPERM"}


def test_a_tcp_client_connects_but_never_listens_or_opens_fast() -> None:
    body = """
    import socket
    answers = []
    def attempt(do):
        try:
            do()
            answers.append("ok")
        except OSError as error:
            answers.append(errno.errorcode[error.errno])
    sock = socket.socket()
    attempt(lambda: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1))
    attempt(lambda: sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))
    attempt(lambda: sock.connect(("127.0.0.1", 1)))
    attempt(lambda: sock.bind(("127.0.0.1", 0)))
    attempt(lambda: sock.listen())
    attempt(lambda: sock.sendto(b"x", 0x20000000, ("127.0.0.1", 1)))
    attempt(lambda: sock.sendto(b"x", ("127.0.0.1", 1)))
    attempt(lambda: sock.sendmsg([b"x"], (), 0x20000000, ("127.0.0.1", 1)))
    attempt(lambda: sock.setsockopt(socket.SOL_SOCKET, 26, b"\\0" * 16))
    attempt(lambda: sock.setsockopt(socket.IPPROTO_TCP, 31, b"tls"))
    attempt(lambda: sock.setsockopt(0, 64, b"x"))
    """
    found = filtered.result(seccomp.program("python", network=True), body)
    assert found == ["ok", "ok", "ECONNREFUSED", *["EPERM"] * 8]


def test_threads_start_and_processes_do_not() -> None:
    body = """
    import threading
    answers = []
    thread = threading.Thread(target=answers.append, args=["a thread"])
    thread.start()
    thread.join()
    import subprocess
    for start in (os.fork, lambda: os.posix_spawn("/bin/true", ["true"], {}), lambda: subprocess.run(["/bin/true"]),
                  lambda: os.execv("/nowhere", ["x"])):
        try:
            start()
            answers.append("a process")
        except PermissionError:
            answers.append("refused")
    """
    assert filtered.result(seccomp.program("python", network=False), body) == ["a thread", *["refused"] * 4]


def test_a_thread_cannot_be_started_into_a_new_namespace() -> None:
    asked = [[NUMBERS["clone"], flags, 0, 0, 0, 0] for flags in (THREAD | NEW_USER, NEW_PIDS, signal.SIGCHLD, 0x100)]
    assert set(filtered.answers(seccomp.program("python", network=False), asked)) == {"EPERM"}


@pytest.mark.parametrize("is_private", [True, False])
def test_signals_reach_no_other_process(*, is_private: bool) -> None:
    victim = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        program = seccomp.program("python", network=False, is_private=is_private)
        tgkill = [NUMBERS["tgkill"], victim.pid, victim.pid, 9]
        found = filtered.answers(program, [[NUMBERS["kill"], target, 9] for target in (victim.pid, -1, 0)] + [tgkill])
        assert set(found) == {"EPERM"}
        assert victim.poll() is None
    finally:
        victim.communicate(b"\n", timeout=5)


def test_the_first_process_may_be_signalled_only_by_itself() -> None:
    """Where PIDs are shared, number 1 may be the server."""
    arguments = (1, signal.SIGTERM)
    private, shared = (seccomp.program("python", network=False, is_private=each) for each in (True, False))
    number = MACHINES["x86_64"].numbers["kill"]
    x86_64 = [
        decision(seccomp.program("python", network=False, is_private=each, machine="x86_64"), number, arguments)
        for each in (True, False)
    ]
    assert private != shared
    assert x86_64 == [ALLOW, EPERM]


def test_descriptors_cannot_be_made_to_signal_others() -> None:
    """F_SETOWN with F_SETSIG kills any process of the same user without kill(2)."""
    found = filtered.answers(
        seccomp.program("python", network=False), [[NUMBERS["fcntl"], 0, command, 1] for command in (8, 10, 15, 1)]
    )
    assert found == ["EPERM", "EPERM", "EPERM", "ok"]


def test_terminals_cannot_be_typed_into() -> None:
    body = """
    import fcntl, os, pty
    answers = []
    for request in (0x5412, 0x541C, 0x540E, 0x8914, 0x5401 | 1 << 32):
        answers.append(call(given_ioctl, 0, request, 0))
    """.replace("given_ioctl", str(NUMBERS["ioctl"]))
    found = filtered.result(seccomp.program("python", network=False), body)
    assert found == ["EPERM", "EPERM", "EPERM", "EPERM", "ENOTTY"]


def test_limits_of_other_processes_are_out_of_reach() -> None:
    asked = [[NUMBERS["prlimit64"], pid, 7, 0, 0] for pid in (0, 1, 2**31)]
    assert filtered.answers(seccomp.program("python", network=False), asked) == ["ok", "EPERM", "EPERM"]


def test_process_settings_that_hold_the_walls_up_cannot_be_changed() -> None:
    settings = {
        "parent's death": 1,
        "dumpable": 4,
        "keep capabilities": 8,
        "seccomp": 22,
        "bounding": 24,
        "ptracer": 0x59616D61,
    }
    found = filtered.answers(
        seccomp.program("python", network=False), [[NUMBERS["prctl"], n, 0, 0, 0, 0] for n in settings.values()]
    )
    assert set(found) == {"EPERM"}


def test_ordinary_programs_go_on_working(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("ordinary")
    body = f"""
    import asyncio, contextlib, os, shutil, sqlite3, tempfile, time, zipfile, concurrent.futures, resource, mmap
    tempfile.tempdir = {str(folder)!r}
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "a")
        with open(path, "w") as file:
            file.write("a" * 100)
            file.truncate(10)
            os.fsync(file.fileno())
        os.truncate(path, 5)
        shutil.copytree(place, place + "-copy")
        shutil.copy2(path, path + "2")
        os.rename(path, path + "3")
        os.symlink(path + "3", path)
        os.chmod(path + "3", 0o600)
        os.utime(path + "3")
        with zipfile.ZipFile(os.path.join(place, "z.zip"), "w") as archive:
            archive.write(path)
        with contextlib.closing(sqlite3.connect(os.path.join(place, "db"))) as database:
            database.execute("pragma journal_mode=wal")
            database.execute("create table t (a)")
            database.commit()
    mmap.mmap(-1, 4096).write(b"x")
    async def slowly():
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            return await asyncio.to_thread(lambda: 2)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        three = pool.submit(lambda: 3).result()
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    answers = [asyncio.run(slowly()), three, len(os.urandom(8)), os.cpu_count() > 0, time.sleep(0)]
    """
    for is_private in (True, False):
        program = seccomp.program("python", network=False, is_private=is_private)
        assert filtered.result(program, body) == [2, 3, 8, True, None]


def test_modes_and_times_do_not_change_where_files_are_shared(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Landlock covers neither, and the server's files may belong to the same user."""
    file = tmp_path_factory.mktemp("shared") / "server.db"
    file.touch(0o640)
    before = file.stat()
    body = f"""
    path = {str(file)!r}
    os.chmod(path, 0o777)
    os.utime(path, (1, 1))
    with open(path) as file:
        os.fchmod(file.fileno(), 0o777)
    answers = None
    """
    filtered.result(seccomp.program("python", network=False, is_private=False), body)
    assert (file.stat().st_mode, file.stat().st_mtime) == (before.st_mode, before.st_mtime)


def test_the_zygote_forks_and_makes_the_namespaces_of_its_workers() -> None:
    """Judged by the interpreter: an ordinary user's kernel would refuse some of these by itself."""
    program = seccomp.program("zygote", network=False, machine="x86_64")
    numbers = MACHINES["x86_64"].numbers
    private = 0x0002_0000 | 0x0800_0000 | 0x4000_0000
    allowed = [
        ("clone", (signal.SIGCHLD,)),
        ("unshare", (NEW_PIDS,)),
        ("unshare", (private,)),
        ("setns", (5, NEW_PIDS)),
        ("mount", ()),
        ("capset", ()),
        ("prctl", (1,)),
        ("prctl", (22,)),
        ("prctl", (38,)),
        ("setresuid", ()),
    ]
    refused = [
        ("clone", (signal.SIGCHLD | NEW_USER,)),
        ("unshare", (0x0200_0000,)),
        ("setns", (5, NEW_USER)),
        ("setns", (5, 0)),
        ("bpf", ()),
        ("ptrace", ()),
        ("pivot_root", ()),
        ("socket", (UNIX, STREAM)),
        ("kill", (2, 9)),
        ("prctl", (35,)),
    ]
    answers = {each: decision(program, numbers[each[0]], each[1]) for each in allowed + refused}
    assert {each for each, answer in answers.items() if answer == ALLOW} == set(allowed)


def test_every_name_on_a_list_is_a_system_call() -> None:
    """A misspelt one would be refused without a word."""
    names = f"{seccomp._FILES} {seccomp._MODES} {seccomp._MEMORY} {seccomp._PROCESS} {seccomp._SOCKETS}"
    everything = f"{names} {seccomp._ZYGOTE} {seccomp._NOT_THERE} {FORBIDDEN}".split()
    assert [name for name in everything if name not in MACHINES["x86_64"].numbers] == []


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("network", [True, False])
@pytest.mark.parametrize("purpose", ["python", "deno"])
def test_the_zygote_may_all_that_its_workers_may(purpose: Purpose, machine: str, *, network: bool) -> None:
    """Filters stack, so a call that the zygote's refuses is refused in every worker."""
    about = MACHINES[machine]
    telling = (0, 1, 2, 6, 10, 15, 0x5401, 0x10000)
    several: list[tuple[int, ...]] = [(a, b, c) for a in telling for b in telling for c in (0, 6)]
    with_rules = seccomp._rules("zygote", network=True, is_private=True)
    for is_private in (True, False):
        zygote = seccomp.program("zygote", network=network, is_private=is_private, machine=machine)
        worker = seccomp.program(purpose, network=network, is_private=is_private, machine=machine)
        for name, number in about.numbers.items():
            for arguments in several if name in with_rules else [()]:
                if decision(worker, number, arguments, about.audit_arch) == ALLOW:
                    assert decision(zygote, number, arguments, about.audit_arch) == ALLOW, (name, arguments)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("purpose", "network"), KINDS)
def test_filters_are_short(purpose: Purpose, machine: str, *, network: bool) -> None:
    """The kernel runs them at every call that is not allowed whatever its arguments."""
    for is_private in (True, False):
        assert len(seccomp.program(purpose, network=network, is_private=is_private, machine=machine)) // 8 <= 250


def test_only_a_deno_worker_may_start_a_program() -> None:
    execve = MACHINES["x86_64"].numbers["execve"]
    python, deno = (seccomp.program(each, network=False, machine="x86_64") for each in ("python", "deno"))
    assert (decision(python, execve), decision(deno, execve)) == (EPERM, ALLOW)


def test_another_architecture_or_its_second_abi_ends_the_process() -> None:
    program = seccomp.program("python", network=False, machine="x86_64")
    i386, x32_write = 0x40000003, 0x4000_0001
    assert decision(program, 1, arch=i386) == KILL
    assert decision(program, x32_write) == KILL


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is an ABI of x86_64")
def test_a_process_that_calls_by_the_second_abi_dies() -> None:
    with pytest.raises(AssertionError, match=f"ended with -{int(signal.SIGSYS)}"):
        filtered.answers(seccomp.program("python", network=False), [[0x4000_0000 + NUMBERS["getpid"]]])


def test_the_filter_for_arm_knows_its_numbers() -> None:
    close_on_exec = 0o2000000
    assert on_arm("python", "openat") == ALLOW
    assert on_arm("python", "clone", THREAD) == ALLOW
    assert on_arm("python", "clone", signal.SIGCHLD) == EPERM
    assert on_arm("python", "clone3") == ENOSYS
    assert on_arm("python", "execve") == EPERM
    assert on_arm("python", "ptrace") == EPERM
    assert on_arm("python", "socket", INET, STREAM) == EPERM
    assert on_arm("python", "socket", INET, STREAM | close_on_exec, network=True) == ALLOW
    assert on_arm("python", "sendto", 3, 0, 0, 0, 0x7F00_0000_0000) == EPERM
    assert on_arm("python", "kill", 1, is_private=False) == EPERM
    assert on_arm("python", "fchmodat", is_private=False) == NOTHING
    assert on_arm("zygote", "clone", signal.SIGCHLD) == ALLOW
    assert on_arm("deno", "execve") == ALLOW


def test_a_machine_without_a_table_is_said_to_have_none() -> None:
    with pytest.raises(
        seccomp.NoFilter, match="no system call filter for riscv64; the sandbox runs on x86_64 and aarch64"
    ):
        seccomp.program("python", network=False, machine="riscv64")
