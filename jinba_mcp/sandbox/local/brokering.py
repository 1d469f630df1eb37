"""The filter that has `connect` wait for the host's answer, where a sandbox has no network namespace, and its needs.

It lies on top of the ordinary filters and loosens none: where they refuse a call, that is the answer. So it need not
tell architectures apart either.
"""

import platform
from pathlib import Path

from jinba_mcp.sandbox.guest import notifying
from jinba_mcp.sandbox.local.bpf import IF_EQUAL, Assembler
from jinba_mcp.sandbox.local.seccomp import NoFilter
from jinba_mcp.sandbox.local.syscalls import MACHINES

_NOTIFY, _ALLOW = 0x7FC0_0000, 0x7FFF_0000
_NUMBER = 0
_SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")
_DESCENDANTS = "1"
"""The strictest of Yama's scopes in which a process may still look into those that it started."""


def is_possible(scope: Path = _SCOPE) -> bool:
    """Whether this machine lets us answer a sandbox's calls, and read the addresses that they are made with."""
    if not notifying.is_supported():
        return False
    try:
        return scope.read_text().strip() <= _DESCENDANTS
    except OSError:
        return True


def program() -> bytes:
    """The filter for this machine.

    Raises:
        NoFilter: there is no table for it.
    """
    machine = platform.machine()
    if machine not in MACHINES:
        raise NoFilter(f"there is no system call filter for {machine}; the sandbox runs on {' and '.join(MACHINES)}")
    code = Assembler()
    allow, notify = code.returning(_ALLOW), code.returning(_NOTIFY)
    code.branching(IF_EQUAL, MACHINES[machine].numbers["connect"], yes=notify, no=allow)
    code.loading(_NUMBER)
    return code.program()
