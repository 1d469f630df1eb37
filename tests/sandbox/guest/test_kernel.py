"""System calls by ctypes: really made, in processes that may lose what they give up."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from jinba_mcp.sandbox.guest import kernel

Printed = Callable[[str], str]
ROOM = Path(kernel.__file__).parents[1]


@pytest.fixture
def printed(measured: str) -> Printed:
    """What a process of its own prints, which has `kernel` at hand."""
    begin = f"{measured}import sys; sys.path.insert(0, {str(ROOM)!r})\nimport os, signal\nfrom guest import kernel\n"

    def run(code: str) -> str:
        command = [sys.executable, "-I", "-S", "-c", begin + textwrap.dedent(code)]
        return subprocess.run(command, capture_output=True, check=True, timeout=60, text=True).stdout.strip()

    return run


def test_an_error_names_the_call_and_its_number() -> None:
    with pytest.raises(OSError, match="umount2") as error:
        kernel.call("umount2", b"/nowhere", 0)

    assert error.value.errno is not None


def test_a_process_dies_with_its_parent(printed: Printed) -> None:
    assert (
        printed(
            """
            reading, writing = os.pipe()
            if not (middle := os.fork()):
                if not os.fork():
                    kernel.die_with_parent()
                    os.write(writing, b"r")
                    signal.pause()
                os.read(reading, 1)
                os._exit(0)
            os.close(writing)
            os.waitpid(middle, 0)
            print(os.read(reading, 1))
            """
        )
        == "b''"
    )


def test_descriptors_are_closed_from_a_number_on() -> None:
    for number in (4000, 4001):
        os.dup2(1, number)

    kernel.close_from(4001)

    os.close(4000)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(4001)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to give up")
def test_capabilities_are_given_up(printed: Printed) -> None:
    code = """
        kernel.drop_bounding_capabilities()
        kernel.raise_permitted_capabilities()
        kernel.keep_capabilities((kernel.CAP_SETUID,))
        print([line.split()[1] for line in open("/proc/self/status") if line[:6] in ("CapEff", "CapBnd", "CapPrm")])
        kernel.give_up_capabilities()
        print([line.split()[1] for line in open("/proc/self/status") if line[:6] == "CapEff"])
    """

    kept, nothing = printed(code).splitlines()

    assert kept == str(["0000000000000080", "0000000000000080", "0000000000000000"])
    assert nothing == str(["0000000000000000"])


def test_a_filter_holds_once_it_is_installed(printed: Printed) -> None:
    code = """
        import struct
        # Allows all but getppid, which it refuses with EPERM, on whatever machine this is.
        number = 110 if os.uname().machine == "x86_64" else 173
        lines = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7FFF0000)]
        program = kernel.Filter(b"".join(struct.pack("<HBBI", *line) for line in lines))
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        program.install()
        import ctypes
        print(ctypes.CDLL(None).getppid())
    """

    assert printed(code) == "-1"


def test_a_step_that_fails_says_why_and_the_next_are_not_taken() -> None:
    taken: list[str] = []

    with pytest.raises(OSError, match="umount2"):
        kernel.take([(taken.append, ("first",)), kernel.step("umount2", b"/nowhere", 0), (taken.append, ("last",))])

    assert taken == ["first"]
