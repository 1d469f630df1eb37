"""The numbers of system calls, checked against what is known from elsewhere."""

import platform
import re
from pathlib import Path

import pytest

from jinba_mcp.sandbox.local.syscalls import MACHINES

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def test_well_known_calls_have_their_numbers() -> None:
    x86_64, aarch64 = MACHINES["x86_64"].numbers, MACHINES["aarch64"].numbers
    known = {"read": (0, 63), "execve": (59, 221), "clone": (56, 220), "seccomp": (317, 277), "clone3": (435, 435)}
    assert {name: (x86_64[name], aarch64[name]) for name in known} == known


def test_calls_that_only_old_machines_have_are_missing_on_arm() -> None:
    old = {"open", "stat", "fork", "vfork", "pipe", "dup2", "epoll_wait", "arch_prctl"}
    assert not old & MACHINES["aarch64"].numbers.keys()
    assert old <= MACHINES["x86_64"].numbers.keys()


@pytest.mark.parametrize("machine", MACHINES)
def test_no_two_calls_share_a_number(machine: str) -> None:
    numbers = MACHINES[machine].numbers
    assert len(set(numbers.values())) == len(numbers)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    if not HEADERS[machine].is_file():
        pytest.skip(f"the kernel's headers for {machine} are not installed")
    defined = re.findall(r"#define __NR_?(\w+)\s+(\d+)\b", HEADERS[machine].read_text())
    theirs = {re.sub("^3264_", "", name): int(number) for name, number in defined}
    ours = MACHINES[machine].numbers
    assert {name: ours[name] for name in theirs if name in ours} == {n: theirs[n] for n in theirs if n in ours}
    assert len(theirs.keys() & ours.keys()) > 250


def test_this_machine_is_known() -> None:
    if platform.machine() not in {"x86_64", "aarch64"}:
        pytest.skip(f"{platform.machine()} has no table")
    assert platform.machine() in MACHINES
