"""What making connections for a sandbox takes; `test_landlock_network.py` has them made."""

import platform
from pathlib import Path

import pytest

from jinba_mcp.sandbox.guest import notifying
from jinba_mcp.sandbox.local import brokering
from jinba_mcp.sandbox.local.seccomp import NoFilter
from jinba_mcp.sandbox.local.syscalls import MACHINES
from tests.sandbox.local.test_seccomp import ALLOW, decision

NOTIFY = 0x7FC0_0000


@pytest.mark.parametrize("machine", list(MACHINES))
def test_only_connect_waits_for_an_answer(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    program, numbers = brokering.program(), MACHINES[machine].numbers

    answers = {name: decision(program, number) for name, number in numbers.items()}

    assert answers.pop("connect") == NOTIFY
    assert set(answers.values()) == {ALLOW}


def test_another_machine_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    with pytest.raises(NoFilter, match="riscv64"):
        brokering.program()


@pytest.mark.parametrize(("scope", "expected"), [("0", True), ("1", True), ("2", False), ("3", False), (None, True)])
def test_the_server_must_be_let_look_into_what_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scope: str | None, *, expected: bool
) -> None:
    monkeypatch.setattr(notifying, "is_supported", lambda: True)
    path = tmp_path / "ptrace_scope"
    if scope is not None:
        path.write_text(f"{scope}\n")

    assert brokering.is_possible(path) is expected


def test_an_old_kernel_cannot_do_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(notifying, "is_supported", lambda: False)

    assert not brokering.is_possible(tmp_path)
