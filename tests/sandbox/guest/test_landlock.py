"""Landlock, in processes that put it over themselves."""

import json
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from jinba_mcp.sandbox.guest import kernel, landlock

Restricted = Callable[..., object]
PACKAGE_ROOT = str(Path(landlock.__file__).parent.parent)
_BEGIN = """
import errno, json, os, sys
sys.path.insert(0, given["root"])
from guest import landlock
if given["abi"] is not None:
    landlock.abi = lambda: given["abi"]

def attempt(do):
    try:
        do()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"

def opened(path, flags=os.O_RDONLY):
    os.close(os.open(path, flags))
"""


@pytest.fixture(autouse=True)
def _needs_landlock() -> None:
    if landlock.abi() < 1:
        if os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") == "1":
            pytest.fail("this kernel has no Landlock, and JINBA_TEST_REQUIRE_SANDBOX asks for it")
        pytest.skip("this kernel has no Landlock")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("readable", "writable", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path


@pytest.fixture
def restricted(folders: Path, measured: str) -> Restricted:
    """What `answers` holds once Python code has run in a process restricted to the folders."""

    def run(body: str, *, more: Sequence[str] = (), executable: Sequence[str] = (), abi: int | None = None) -> object:
        given = {"root": PACKAGE_ROOT, "abi": abi, "folders": str(folders)}
        readable = [str(folders / "readable"), str(folders / "not there"), "/usr", "/lib", sys.base_prefix, *more]
        setup = f"landlock.restrict({readable!r}, [{str(folders / 'writable')!r}, '/dev/null'], {list(executable)!r})"
        parts = (measured, f"given = {given!r}", _BEGIN, f"os.chdir({str(folders)!r})", setup, textwrap.dedent(body))
        text = "\n".join((*parts, "print(json.dumps(answers))"))
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", text], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        answers: object = json.loads(done.stdout)
        return answers

    return run


def test_only_what_was_named_can_be_read(restricted: Restricted) -> None:
    found = restricted("""
    files = ("readable/file", "writable/file", "hidden/file", "/etc/passwd")
    answers = [attempt(lambda: opened(path)) for path in files]
    answers += [attempt(lambda: os.listdir(path)) for path in ("readable", "hidden", "/proc")]
    """)
    assert found == ["ok", "ok", "EACCES", "EACCES", "ok", "EACCES", "EACCES"]


def test_only_what_was_named_can_be_written(restricted: Restricted, folders: Path) -> None:
    found = restricted("""
    create = os.O_WRONLY | os.O_CREAT
    answers = [attempt(lambda: opened(path, create)) for path in ("writable/new", "readable/new", "hidden/new", "/new")]
    answers += [
        attempt(lambda: opened("readable/file", os.O_WRONLY)),
        attempt(lambda: opened("readable/file", os.O_RDONLY | os.O_TRUNC)),
        attempt(lambda: os.truncate("hidden/file", 0)),
        attempt(lambda: os.unlink("readable/file")),
        attempt(lambda: os.mkdir("hidden/folder")),
        attempt(lambda: os.rename("readable/file", "writable/taken")),
        attempt(lambda: os.link("hidden/file", "writable/taken")),
        attempt(lambda: os.mkdir("writable/folder")),
        attempt(lambda: os.rename("writable/new", "writable/folder/moved")),
        attempt(lambda: opened("/dev/null", os.O_RDWR)),
    ]
    """)
    refused = ["EACCES", "EACCES", "EACCES"]
    assert found == ["ok", *refused, *["EACCES"] * 6, "EXDEV", "ok", "ok", "ok"]
    assert (folders / "hidden/file").read_text() == "hidden"


def test_a_link_to_what_is_hidden_stays_closed(restricted: Restricted) -> None:
    assert (
        restricted("""
    os.symlink("../hidden/file", "writable/link")
    answers = attempt(lambda: opened("writable/link"))
    """)
        == "EACCES"
    )


def test_a_single_file_may_be_named(restricted: Restricted, folders: Path) -> None:
    named = str(folders / "hidden" / "file")
    assert restricted('answers = attempt(lambda: opened("hidden/file"))', more=[named]) == "ok"


def test_nothing_can_be_started_that_was_not_named(restricted: Restricted) -> None:
    body = """
    import subprocess
    answers = [attempt(lambda: subprocess.run([path])) for path in ("/usr/bin/true", "/usr/bin/id")]
    """
    loaders = ["/usr/bin/true", "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"]
    assert restricted(body, executable=loaders) == ["ok", "EACCES"]


def test_processes_outside_cannot_be_signalled_or_looked_into(restricted: Restricted) -> None:
    """Without capabilities: CAP_PERFMON may read any process's environment."""
    if landlock.abi() < 6:
        pytest.skip("this kernel's Landlock does not cover signals (ABI 6)")
    body = f"""
    from guest import kernel
    kernel.keep_capabilities(())
    seen = []
    def read(name):
        with open("/proc/{os.getpid()}/" + name, "rb") as file:
            seen.append(file.read(100))
    answers = [
        attempt(lambda: os.kill({os.getpid()}, 0)),
        attempt(lambda: read("mem")),
        attempt(lambda: read("maps")),
        attempt(lambda: os.readlink("/proc/{os.getpid()}/cwd")),
    ]
    attempt(lambda: read("environ"))
    answers.append(sum(map(len, seen)))
    """
    assert restricted(body, more=["/proc"]) == ["EPERM", "EACCES", "EACCES", "EACCES", 0]


@pytest.fixture
def listening() -> Iterator[tuple[int, bytes]]:
    """A TCP port and an abstract address that somebody listens on."""
    name = b"\0jinba-landlock-" + str(os.getpid()).encode()
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(name)
        unix.listen()
        yield tcp.getsockname()[1], name


def test_sockets_outside_cannot_be_reached(restricted: Restricted, listening: tuple[int, bytes]) -> None:
    if landlock.abi() < 6:
        pytest.skip("this kernel's Landlock does not cover sockets (ABI 6)")
    port, name = listening
    body = f"""
    import socket
    answers = [
        attempt(lambda: socket.socket().connect(("127.0.0.1", {port}))),
        attempt(lambda: socket.socket().bind(("127.0.0.1", 0))),
        attempt(lambda: socket.socket(socket.AF_UNIX).connect({name!r})),
    ]
    """
    assert restricted(body) == ["EACCES", "EACCES", "EPERM"]


@pytest.mark.parametrize("abi", range(1, 8))
def test_every_version_of_landlock_keeps_files_apart(restricted: Restricted, abi: int) -> None:
    """A newer kernel takes what an older one would be asked for."""
    if abi > landlock.abi():
        pytest.skip(f"this kernel's Landlock is older than ABI {abi}")
    body = 'answers = [attempt(lambda: opened(path)) for path in ("readable/file", "hidden/file")]'
    assert restricted(body, abi=abi) == ["ok", "EACCES"]


def test_restrictions_can_only_grow(restricted: Restricted) -> None:
    assert (
        restricted("""
    landlock.restrict(["/"], ["/"])
    answers = attempt(lambda: opened("hidden/file"))
    """)
        == "EACCES"
    )


def test_a_kernel_without_landlock_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    with pytest.raises(OSError, match="has no Landlock"):
        landlock.restrict([], [])


def test_a_folder_to_write_to_must_be_there(tmp_path: Path) -> None:
    """Refused before anything is restricted, so this very process stays as it was."""
    with pytest.raises(FileNotFoundError):
        landlock.restrict([], [str(tmp_path / "not there")])
    assert tmp_path.is_dir()
    assert Path("/etc/passwd").read_text()


def test_a_kernel_that_does_not_know_the_call_has_no_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(kernel, "call", refuse)

    assert landlock.abi() == 0
