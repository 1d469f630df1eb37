"""What is left of the machine inside tier A."""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jinba_mcp.sandbox.guest import kernel, namespaces
from jinba_mcp.sandbox.guest.kernel import PR_CAPBSET_DROP
from tests.sandbox.local.conftest import MakeSetup, Running

LOOK = """
    import os, socket
    def run() -> dict:
        def tried(what, *args, **named):
            try:
                what(*args, **named)
            except OSError as error:
                return error.strerror
            return "done"
        return {
            "root": sorted(os.listdir("/")),
            "etc": sorted(os.listdir("/etc")),
            "dev": sorted(os.listdir("/dev")),
            "opt": sorted(os.listdir("/opt")),
            "tmp": [os.listdir("/tmp"), os.getcwd(), oct(os.stat("/tmp").st_mode)],
            "ids": [os.getpid(), os.getppid()],
            "host": os.uname().nodename,
            "write": [tried(open, path, "w") for path in ("/x", "/usr/x", "/opt/jinba/base/x", "/dev/x", "/etc/hosts")],
            "null": open("/dev/null", "w").write("x"),
            "random": len(os.urandom(8)),
            "absent": [path for path in ("/proc/self", "/sys", "/var", "/run", "/boot") if os.path.exists(path)],
        }
"""


async def test_there_is_only_the_tree_that_was_built(running: Running, setup: MakeSetup) -> None:
    async with running() as engine:
        outcome = await engine.run(setup(LOOK), {})

    seen: Any = outcome.output
    system = {"bin", "dev", "etc", "lib", "lib32", "lib64", "opt", "sbin", "tmp", "usr"}
    interpreter = {sys.base_prefix.split("/")[1]}
    assert set(seen["root"]) <= system | interpreter
    assert "shadow" not in seen["etc"]
    assert seen["dev"] == ["full", "null", "random", "urandom", "zero"]
    assert seen["opt"] == ["jinba", "packages"]
    assert seen["tmp"] == [[], "/tmp", "0o40700"]  # noqa: S108  inside
    assert seen["ids"] == [1, 0]
    assert seen["host"] == "sandbox"
    assert set(seen["write"]) == {"Read-only file system"}
    assert (seen["null"], seen["random"]) == (1, 8)
    assert seen["absent"] == []


async def test_a_program_has_a_proc_of_itself_only(running: Running, setup: MakeSetup) -> None:
    pytest.importorskip("deno")
    from jinba_mcp.sandbox.local import deno  # noqa: PLC0415  not everybody has it

    code = """
        import { readdirSync } from "node:fs";
        export function run() { try { return readdirSync("/proc"); } catch (error) { return String(error); } }
    """
    async with running(typescript=deno.installed()) as engine:
        outcome = await engine.run(setup(code, bundle={"language": "typescript"}), {})

    assert "/proc" in str(outcome.output) or "NotCapable" in str(outcome.output)


def test_a_mount_that_fails_is_told_by_its_target() -> None:
    with pytest.raises(OSError, match="mount on /nowhere"):
        namespaces.mount("nothing", "/nowhere", "tmpfs", 0)


Step = tuple[object, ...]


class Library:
    """In libc's place: notes each call, and says yes."""

    def __init__(self, note: Callable[..., int]) -> None:
        self._note = note

    def __getattr__(self, name: str) -> Callable[..., int]:
        return functools.partial(self._note, name)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """What is asked of a kernel that says yes to everything, and of Python in between."""
    asked: list[Step] = []

    def note(name: str, *arguments: object) -> int:
        asked.append((name, *(getattr(each, "value", each) for each in arguments)))
        # There are no more capabilities to drop.
        return -1 if asked[-1][:2] == ("prctl", PR_CAPBSET_DROP) else 0

    def write(file: str, text: str) -> None:
        if not file.startswith("/proc/"):
            true_write(file, text)
        note("write", file, text)

    true_write = namespaces._write
    for library in ("_libc", "_silent"):
        monkeypatch.setattr(kernel, library, Library(note))
    monkeypatch.setattr(namespaces, "_write", write)
    monkeypatch.setattr(namespaces, "sethostname", lambda _name: None)
    for name in ("fork", "chdir", "setresuid", "setresgid"):
        monkeypatch.setattr(os, name, functools.partial(note, name))
    return asked


def _enter(steps: list[Step], monkeypatch: pytest.MonkeyPatch, folder: Path, *, user: int) -> list[Step]:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    (folder / "root").mkdir()
    (folder / "shown").mkdir()
    namespaces.enter(
        str(folder / "root"),
        {"/shown": str(folder / "shown")},
        has_proc=True,
        ask_for_map=lambda: steps.append(("map",)),
    )
    return [step for step in steps if _is_told(step)]


def _is_told(step: Step) -> bool:
    is_proc = step[0] == "write" and str(step[1]).startswith("/proc/")
    return is_proc or step[0] in ("unshare", "map", "setresuid", "fork") or _MOVE in step


_MOVE = 8192
_REST = namespaces.NEWNS | namespaces.NEWPID | namespaces.NEWNET | namespaces.NEWIPC
_REST |= namespaces.NEWUTS | namespaces.NEWCGROUP


def test_an_ordinary_user_goes_through_two_user_namespaces(
    steps: list[Step], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the second one all mounts of the first are locked; the host can map only the first."""
    assert _enter(steps, monkeypatch, tmp_path, user=1234) == [
        ("unshare", namespaces.NEWUSER | namespaces.NEWNS),
        ("map",),
        ("unshare", namespaces.NEWUSER),
        ("write", "/proc/self/setgroups", "deny"),
        ("write", "/proc/self/uid_map", "1000 1000 1\n"),
        ("write", "/proc/self/gid_map", "1000 1000 1\n"),
        ("unshare", _REST),
        ("fork",),
    ]


def test_root_builds_the_tree_before_it_is_a_user_of_its_own(
    steps: list[Step], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chosen = _enter(steps, monkeypatch, tmp_path, user=0)

    assert chosen == [
        ("unshare", namespaces.NEWNS),
        ("mount", os.fsencode(tmp_path / "root"), b"/tmp", None, _MOVE, None),
        ("unshare", namespaces.NEWUSER),
        ("map",),
        ("setresuid", 1000, 1000, 1000),
        ("unshare", _REST),
        ("fork",),
    ]
    built = steps.index(
        ("mount", os.fsencode(tmp_path / "shown"), os.fsencode(tmp_path / "root/shown"), None, 20480, None)
    )
    assert built < steps.index(("unshare", namespaces.NEWUSER))


@pytest.mark.parametrize("user", [0, 1234])
def test_each_step_asks_again_to_die_with_the_parent(
    steps: list[Step], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: int
) -> None:
    """The kernel forgets it when the user changes, and a child has another parent."""
    _enter(steps, monkeypatch, tmp_path, user=user)

    died = [number for number, step in enumerate(steps) if step[:3] == ("prctl", 1, 9)]
    changed = max(
        n for n, step in enumerate(steps) if step[0] == "setresuid" or step == ("unshare", namespaces.NEWUSER)
    )
    assert len(died) == 3
    assert died[0] == 0
    assert changed < died[1] < steps.index(("fork",)) < died[2]


def test_a_tree_has_links_as_links_and_files_to_mount_on(
    steps: list[Step], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to("usr/bin")
    (tmp_path / "file").write_text("secret")
    shown = {"/bin": str(tmp_path / "link"), "/etc/hosts": str(tmp_path / "file")}
    root = tmp_path / "root"
    root.mkdir()

    namespaces.enter(str(root), shown, has_proc=False, ask_for_map=lambda: None)

    assert (root / "bin").readlink() == Path("usr/bin")
    assert (root / "etc/hosts").read_text() == ""
    assert (root / "etc/passwd").read_text().startswith("sandbox:x:1000:")
    assert sorted(path.name for path in (root / "dev").iterdir()) == ["full", "null", "random", "urandom", "zero"]
    assert not (root / "proc").exists()


def test_a_machine_without_a_number_for_pivot_root_is_refused(
    steps: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="pdp11"))

    with pytest.raises(OSError, match="no number here for pdp11"):
        namespaces._pivot("/root", has_proc=False)


def test_a_child_that_cannot_be_made_leaves_the_next_ones_namespace_as_it_was(
    steps: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    own = namespaces.OwnPids()

    with pytest.raises(BlockingIOError):
        own.fork()

    assert steps == [("unshare", namespaces.NEWPID), ("setns", own._home, namespaces.NEWPID)]
    os.close(own._home)


def test_a_child_is_the_first_of_a_namespace_and_its_parent_is_not(
    steps: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = namespaces.OwnPids()
    in_child = own.fork()
    monkeypatch.setattr(os, "fork", lambda: 7)

    assert (in_child, len(steps)) == (0, 2)
    assert own.fork() == 7
    assert steps[-1] == ("setns", own._home, namespaces.NEWPID)
    os.close(own._home)
