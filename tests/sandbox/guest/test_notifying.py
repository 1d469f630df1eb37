"""A filter whose calls wait for an answer: really installed, in processes of their own."""

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from jinba_mcp.sandbox.guest import kernel, notifying
from jinba_mcp.sandbox.local import brokering

ROOM = Path(notifying.__file__).parents[1]


@pytest.fixture
def _supported() -> None:
    if notifying.is_supported():
        return
    if os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") == "1":
        pytest.fail("JINBA_TEST_REQUIRE_SANDBOX is set, and this kernel has no seccomp user notification of 5.19")
    pytest.skip("this kernel has no seccomp user notification of 5.19")


def printed(code: str) -> str:
    """What a process of its own prints, which has `notifying` at hand and the program of the filter."""
    begin = f"import sys; sys.path.insert(0, {str(ROOM)!r})\nfrom guest import kernel, notifying\n"
    begin += f"program = bytes.fromhex({brokering.program().hex()!r})\n"
    command = [sys.executable, "-I", "-S", "-c", begin + textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, check=True, timeout=60, text=True).stdout.strip()


@pytest.mark.usefixtures("_supported")
def test_a_call_is_refused_when_nobody_answers_and_all_others_go_on() -> None:
    found = printed(
        """
        import errno, os, socket
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        os.close(notifying.listen(program))
        with socket.create_server(("127.0.0.1", 0)) as server:
            print(errno.errorcode[socket.socket().connect_ex(server.getsockname())])
        """
    )

    assert found == "ENOSYS"


@pytest.mark.usefixtures("_supported")
def test_there_is_one_listener_for_all_that_a_process_starts() -> None:
    found = printed(
        """
        import errno
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        notifying.listen(program)
        try:
            notifying.listen(program)
        except OSError as error:
            print(errno.errorcode[error.errno])
        """
    )

    assert found == "EBUSY"


@pytest.mark.usefixtures("_supported")
def test_asking_puts_no_filter_over_the_process() -> None:
    assert printed("print(notifying.is_supported(), open('/proc/self/status').read().count('Seccomp:\\t2'))") in {
        "True 0",
        "True 1",  # where the tests themselves are filtered
    }


@pytest.mark.parametrize(("number", "expected"), [(errno.EFAULT, True), (errno.EINVAL, False), (errno.ENOSYS, False)])
def test_an_older_kernel_knows_less(monkeypatch: pytest.MonkeyPatch, number: int, *, expected: bool) -> None:
    def refusing(*_given: object) -> int:
        raise OSError(number, "")

    monkeypatch.setattr(kernel, "call", refusing)

    assert notifying.is_supported() is expected


def test_another_machine_has_no_number_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="riscv64"))

    assert not notifying.is_supported()
    with pytest.raises(OSError, match="riscv64"):
        notifying.listen(b"")


def test_a_machine_without_a_number_for_seccomp_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="pdp11"))

    with pytest.raises(OSError, match="no number here for pdp11"):
        notifying.listen(b"")
    assert notifying.is_supported() is False


def test_a_kernel_that_takes_no_filter_is_none_to_rely_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "call", lambda *_: 0)

    assert notifying.is_supported() is False
