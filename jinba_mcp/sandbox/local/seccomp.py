"""Which system calls a sandboxed process may make: one filter for each kind of process, as the kernel takes it.

A call that is on no list fails with EPERM; one newer than our numbers, with ENOSYS, so that libraries fall back to
what we know. Filters stack and the strictest wins: the zygote's lets through all that its workers' do.
"""

import functools
import platform
from typing import Literal

from jinba_mcp.sandbox.local.bpf import ALL_BITS, IF_AT_LEAST, IF_EQUAL, Assembler, Is, Place, Rule
from jinba_mcp.sandbox.local.syscalls import MACHINES, Machine

Purpose = Literal["zygote", "python", "deno", "build"]

_KILL_PROCESS, _ERRNO, _ALLOW = 0x8000_0000, 0x0005_0000, 0x7FFF_0000
_EPERM, _ENOSYS = 1, 38
# Fields of `struct seccomp_data` (linux/seccomp.h); both machines store the low half of a word first.
_NUMBER, _ARCH, _ARGUMENTS, _WORD = 0, 4, 16, 8

_FILES = """
read write close stat fstat lstat poll lseek pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 access pipe
pipe2 select pselect6 ppoll dup dup2 dup3 sendfile flock fsync fdatasync sync_file_range fallocate fadvise64 readahead
truncate ftruncate getdents getdents64 getcwd chdir fchdir rename renameat renameat2 mkdir mkdirat rmdir creat open
openat openat2 close_range link linkat unlink unlinkat symlink symlinkat readlink readlinkat umask statfs fstatfs
newfstatat statx faccessat faccessat2 copy_file_range getxattr lgetxattr fgetxattr listxattr llistxattr
flistxattr epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4
timerfd_create timerfd_settime timerfd_gettime
"""
_MODES = "chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat"
_MEMORY = """
mmap mprotect munmap brk mremap msync mincore madvise mlock munlock membarrier pkey_alloc pkey_mprotect pkey_free
get_mempolicy mseal
"""
_PROCESS = """
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack pause alarm getitimer
setitimer nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times timer_create timer_settime
timer_gettime timer_getoverrun timer_delete sched_yield sched_getparam sched_getscheduler sched_getattr
sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_getaffinity getpriority getcpu getpid gettid
getppid getpgrp getpgid getsid getuid geteuid getgid getegid getresuid getresgid getgroups getrlimit getrusage sysinfo
uname arch_prctl capget set_tid_address set_robust_list rseq restart_syscall futex futex_waitv getrandom exit
exit_group wait4 waitid
"""
_SOCKETS = "recvfrom recvmsg shutdown getsockname getpeername getsockopt"
_ZYGOTE = """
fork mount umount2 capset seccomp setrlimit setgroups setuid setgid setresuid setresgid pidfd_open
landlock_create_ruleset landlock_add_rule landlock_restrict_self execve
"""
_BUILD = "fork vfork setpgid setsid tkill setrlimit"
_NOT_THERE = "clone3 io_uring_setup io_uring_enter io_uring_register"
"""Answered as if the kernel had none: clone3 hides its flags from a filter, and libc falls back to clone."""

_CLONE_THREAD, _CLONE_NAMESPACES = 0x0001_0000, 0x7E02_0000
_NEW_PIDS = 0x2000_0000
_NEW_FOR_WORKERS = (
    0x0002_0000 | 0x0800_0000 | 0x1000_0000 | _NEW_PIDS | 0x4000_0000
)  # mounts, IPC, users, PIDs, network
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_SOCK_STREAM, _SOCK_TYPE_MASK = 1, 0xF
_IPPROTO_ANY, _SOL_SOCKET, _IPPROTO_TCP = 0, 1, 6
_ATTACH_FILTERS = (26, 50, 51, 52)  # SO_ATTACH_FILTER, _BPF, _REUSEPORT_CBPF, _REUSEPORT_EBPF
_TCP_OPTIONS = (1, 4, 5, 6, 12, 18)  # NODELAY, KEEPIDLE, KEEPINTVL, KEEPCNT, QUICKACK, USER_TIMEOUT; no upper protocols
_MSG_FASTOPEN = 0x2000_0000
# F_SETOWN, F_SETSIG, F_SETOWN_EX: a descriptor that signals any process of the same user. F_SETLEASE, F_NOTIFY: who
# owns a file that others use could hold them up, or watch them.
_FCNTL_REFUSED = (8, 10, 15, 1024, 1026)
_IOCTLS = (
    0x5401,  # TCGETS: isatty
    0x5413,  # TIOCGWINSZ
    0x541B,  # FIONREAD
    0x5421,  # FIONBIO
    0x5450,  # FIONCLEX
    0x5451,  # FIOCLEX
    0x5452,  # FIOASYNC
)
_PRCTL_NAMES = (15, 16, 0x5356_4D41)  # PR_SET_NAME, PR_GET_NAME, PR_SET_VMA
_PRCTL_ZYGOTE = (1, 4, 8, 22, 24, 38)  # PDEATHSIG, DUMPABLE, KEEPCAPS, SECCOMP, CAPBSET_DROP, NO_NEW_PRIVS
_FIRST_PROCESS = 1


class NoFilter(OSError):
    """This machine's system calls are in no table of ours."""


def program(purpose: Purpose, *, network: bool, is_private: bool = True, machine: str | None = None) -> bytes:
    """The filter of a process, as seccomp(2) takes it; `machine` is another than this one, by `platform.machine()`.

    With `network` the process may open TCP connections and nothing else. `is_private` says that it sees only its own
    processes, being number 1 of them, and only its own files; one that is not may signal nobody, itself included, and
    changes of modes and times do nothing, because neither is covered by Landlock.

    Raises:
        NoFilter: there is no table for the machine.
    """
    return _program(purpose, network, is_private, machine or platform.machine())


@functools.cache
def _program(purpose: Purpose, network: bool, is_private: bool, machine: str) -> bytes:  # noqa: FBT001  the cache's key
    if machine not in MACHINES:
        raise NoFilter(f"there is no system call filter for {machine}; the sandbox runs on {' and '.join(MACHINES)}")
    lists = [_FILES, _MEMORY, _PROCESS, _SOCKETS]
    if purpose == "zygote":
        lists.append(_ZYGOTE)
    if purpose == "build":
        lists.append(_BUILD)
    if is_private:
        lists.append(_MODES)
    ignored = "" if is_private else _MODES
    rules = _rules(purpose, network=network, is_private=is_private)
    return _assembled(MACHINES[machine], " ".join(lists), ignored, rules)


def _low(argument: int) -> int:
    return _ARGUMENTS + argument * _WORD


def _high(argument: int) -> int:
    return _low(argument) + _WORD // 2


def _rules(purpose: Purpose, *, network: bool, is_private: bool) -> dict[str, Rule]:
    """What depends on its arguments."""
    rules: dict[str, Rule] = {
        "clone": [[Is(_low(0), (_CLONE_THREAD,), _CLONE_THREAD | _CLONE_NAMESPACES)]],
        "fcntl": [[Is(_low(1), _FCNTL_REFUSED, negated=True)]],
        "ioctl": [[Is(_low(1), _IOCTLS)]],
        "prctl": [[Is(_low(0), _PRCTL_NAMES)]],
        # Own limits only: those of other processes of the same user are open otherwise.
        "prlimit64": [[Is(_low(0), (0,))]],
        # A stream has one peer for ever; a datagram socket could be sent to any other that the machine has.
        "socketpair": [[Is(_low(0), (_AF_UNIX,)), Is(_low(1), (_SOCK_STREAM,), _SOCK_TYPE_MASK)]],
        "sendto": [[Is(_low(3), (0,), _MSG_FASTOPEN), Is(_low(4), (0,)), Is(_high(4), (0,))]],
        "sendmsg": [[Is(_low(2), (0,), _MSG_FASTOPEN)]],
    }
    if is_private:
        rules |= {name: [[Is(_low(0), (_FIRST_PROCESS,))]] for name in ("kill", "tgkill")}
    if network:
        rules |= _CLIENT
    if purpose == "deno":
        rules |= {"execve": [[]]}
    if purpose == "zygote":
        rules |= _FORKING
    if purpose == "build":
        # Compilers are programs that start others; what they signal is theirs, in a PID namespace of their own.
        rules |= {"clone": _FORKING["clone"], "execve": [[]], "kill": [[]], "tgkill": [[]]}
    return rules


_CLIENT: dict[str, Rule] = {
    "connect": [[]],
    "socket": [
        [
            Is(_low(0), (_AF_INET, _AF_INET6)),
            Is(_low(1), (_SOCK_STREAM,), _SOCK_TYPE_MASK),
            Is(_low(2), (_IPPROTO_ANY, _IPPROTO_TCP)),
        ]
    ],
    "setsockopt": [
        [Is(_low(1), (_SOL_SOCKET,)), Is(_low(2), _ATTACH_FILTERS, negated=True)],
        [Is(_low(1), (_IPPROTO_TCP,)), Is(_low(2), _TCP_OPTIONS)],
    ],
}
_FORKING: dict[str, Rule] = {
    "clone": [[Is(_low(0), (0,), _CLONE_NAMESPACES)]],
    "unshare": [[Is(_low(0), (0,), ALL_BITS ^ _NEW_FOR_WORKERS)]],
    "setns": [[Is(_low(1), (_NEW_PIDS,))]],
    "prctl": [[Is(_low(0), _PRCTL_NAMES + _PRCTL_ZYGOTE)]],
}


def _assembled(machine: Machine, allowed: str, ignored: str, rules: dict[str, Rule]) -> bytes:
    code = Assembler()
    refused, missing, nothing = (code.returning(_ERRNO | number) for number in (_EPERM, _ENOSYS, 0))
    allow, kill = code.returning(_ALLOW), code.returning(_KILL_PROCESS)
    answers = dict.fromkeys(machine.numbers.values(), refused)
    for names, answer in ((allowed, allow), (ignored, nothing), (_NOT_THERE, missing)):
        answers |= {machine.numbers[name]: answer for name in names.split() if name in machine.numbers}
    for name, rule in rules.items():
        if name in machine.numbers:
            answers[machine.numbers[name]] = code.testing(rule, yes=allow, no=refused)
    found = code.choosing(_starts(answers, missing))
    if machine.foreign_from is not None:
        found = code.branching(IF_AT_LEAST, machine.foreign_from, yes=kill, no=found)
    number = code.loading(_NUMBER)
    code.branching(IF_EQUAL, machine.audit_arch, yes=number, no=kill)
    code.loading(_ARCH)
    return code.program()


def _starts(answers: dict[int, Place], otherwise: Place) -> list[tuple[int, Place]]:
    """The numbers at which the answer changes."""
    starts: list[tuple[int, Place]] = []
    for number in range(max(answers) + 2):
        answer = answers.get(number, otherwise)
        if not starts or starts[-1][1] != answer:
            starts.append((number, answer))
    return starts
