"""A build makes a wheel, and can do nothing else: each of these does its worst and is held by what its name says."""

import contextlib
import io
import os
import socket
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import anyio
import pytest

from jinba_mcp.sandbox.local import seccomp
from jinba_mcp.sandbox.local.runtime import Runtime
from jinba_mcp.sandbox.packages import walled
from jinba_mcp.sandbox.packages.walled import Bounds, BuildFailed
from tests.sandbox.packages.conftest import Workshop
from tests.sandbox.packages.sdists import sdist, seen

pytestmark = pytest.mark.slow

MB = 1024 * 1024


async def _seen(workshop: Workshop, code: str, bounds: Bounds | None = None) -> object:
    answer = await workshop(sdist("sums", "1.0.0", code), bounds=bounds)
    return seen(answer.wheel)


def _check_untouched(canary: Path) -> None:
    assert canary.read_text() == "server's own"


def _commands_with(mark: str) -> list[bytes]:
    """Of all processes of this machine, those that were started with the word."""
    commands = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            commands.append(file.read_bytes())
    return [command for command in commands if mark.encode() in command]


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    path = tmp_path / "canary"
    path.write_text("server's own")
    path.chmod(0o666)
    return path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


async def test_a_source_becomes_a_wheel(workshop: Workshop) -> None:
    answer = await workshop(sdist("sums", "1.0.0"))
    assert answer.wheel is not None
    assert (answer.wheel.name, seen(answer.wheel), answer.needs) == ("sums-1.0.0-py3-none-any.whl", "built", ())


async def test_what_the_build_asks_for_is_told_instead(workshop: Workshop) -> None:
    archive = sdist("sums", "1.0.0", requires=("adding>=1",), wanted=("more",))
    assert (await workshop(archive)).needs == ("adding>=1",)
    assert (await workshop(archive, given=("adding>=1",))).needs == ("adding>=1", "more")
    assert (await workshop(archive, given=("adding>=1", "more"))).wheel is not None
    assert (await workshop(archive, given=None)).wheel is not None


async def test_a_source_without_pyproject_is_setuptools_to_build(workshop: Workshop) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("sums-1.0.0/setup.py", "raise SystemExit")
    assert (await workshop(file.getvalue(), kind=".zip")).needs == ("setuptools>=40.8.0",)


async def test_a_build_may_start_programs(workshop: Workshop) -> None:
    code = """
    import subprocess, sys
    return subprocess.run([sys.executable, "-c", "print(1 + 1)"], capture_output=True, text=True).stdout
    """
    assert await _seen(workshop, code) == "2\n"


@pytest.mark.parametrize(
    "name", ["/etc/shadow", "/root", "/home", "/var", "/proc/1/root/etc/shadow", "/sys", "{canary}"]
)
async def test_files_of_the_machine_are_not_there(workshop: Workshop, canary: Path, name: str) -> None:
    path = name.format(canary=canary)
    code = f"""
    try:
        return os.listdir({path!r}) if os.path.isdir({path!r}) else open({path!r}).read()
    except OSError as error:
        return type(error).__name__
    """
    found = await _seen(workshop, code)
    prefix = Path(sys.base_prefix)
    is_way_to_python = prefix.is_relative_to(path) and found == [prefix.relative_to(path).parts[0]]
    assert found in ("FileNotFoundError", "PermissionError") or is_way_to_python


async def test_users_and_variables_of_the_machine_are_not_there(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINBA_SECRET_KEY", "server's own")
    code = """
    users = [line.split(":")[0] for line in open("/etc/passwd")]
    return users, sorted(os.environ), b"JINBA" in open("/proc/self/environ", "rb").read()
    """
    names = ["HOME", "LANG", "PATH", "PYTHONHASHSEED", "PYTHONNOUSERSITE", "PYTHONPATH", "SOURCE_DATE_EPOCH", "TMPDIR"]
    assert await _seen(workshop, code) == (["sandbox", "nobody"], names, False)


async def test_nothing_can_be_written_but_its_own_tmp(workshop: Workshop, canary: Path) -> None:
    code = f"""
    import sys
    written = []
    for path in ({str(canary)!r}, "/evil", "/etc/passwd", "/usr/evil", "/opt/evil", "/opt/packages/evil",
                 "/opt/source/evil", "/opt/jinba/base/evil", sys.prefix + "/evil", "/dev/evil", "/proc/self/mem"):
        try:
            open(path, "a").write("evil")
            written.append(path)
        except OSError:
            pass
    return written, sorted(os.listdir("/tmp"))
    """
    assert await _seen(workshop, code) == ([], ["source", "wheels"])
    _check_untouched(canary)


async def test_there_is_no_network(workshop: Workshop, listener: socket.socket) -> None:
    code = f"""
    import socket
    found = []
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET, 40):
        try:
            with socket.socket(family) as made:
                made.connect({listener.getsockname()!r})
            found.append(family)
        except OSError:
            pass
    return found, open("/proc/self/net/dev").read() if os.path.exists("/proc/self/net/dev") else ""
    """
    found = await _seen(workshop, code)
    assert isinstance(found, tuple)
    assert found[0] == []
    assert "eth" not in found[1]
    with pytest.raises(BlockingIOError):
        listener.accept()


async def test_calls_into_the_kernel_that_lead_out_are_refused(workshop: Workshop) -> None:
    code = """
    import ctypes, errno
    libc = ctypes.CDLL(None, use_errno=True)
    tries = {
        "unshare": lambda: libc.unshare(0x10000000), "setns": lambda: libc.setns(0, 0),
        "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None), "umount": lambda: libc.umount2(b"/tmp", 2),
        "chroot": lambda: libc.chroot(b"/tmp"), "ptrace": lambda: libc.ptrace(16, os.getppid(), 0, 0),
        "bpf": lambda: libc.syscall(321, 0, 0, 0), "keyctl": lambda: libc.syscall(250, 0, 0),
        "pidfd_open": lambda: libc.syscall(434, 1, 0), "perf": lambda: libc.syscall(298, 0, 0, -1, -1, 0),
        "setuid": lambda: libc.setuid(0), "clone": lambda: libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0),
        "process_vm_readv": lambda: libc.syscall(310, 1, 0, 0, 0, 0, 0), "io_uring": lambda: libc.syscall(425, 1, 0),
        "userfaultfd": lambda: libc.syscall(323, 0), "open_by_handle_at": lambda: libc.syscall(304, 0, 0, 0),
    }
    answers = {}
    for name, attempt in tries.items():
        ctypes.set_errno(0)
        answers[name] = attempt() == -1 and errno.errorcode[ctypes.get_errno()]
    return {name: answer for name, answer in answers.items() if answer not in ("EPERM", "ENOSYS")}
    """
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    assert await _seen(workshop, code) == {}


async def test_there_are_no_capabilities_and_no_descriptors(workshop: Workshop) -> None:
    code = """
    status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
    sets = {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    return sets, status["NoNewPrivs"], status["Seccomp"], os.getpid(), sorted(os.listdir("/proc/self/fd"))[:-1]
    """
    assert await _seen(workshop, code) == ({0}, "1", "2", 1, ["0", "1", "2", "3"])


async def test_processes_that_are_left_behind_end_with_the_build(workshop: Workshop) -> None:
    mark = f"left-behind-{os.getpid()}"
    code = f"""
    import subprocess, sys
    way = "import os, signal, sys, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; print(flush=True)"
    child = subprocess.Popen([sys.executable, "-c", way + "; time.sleep(600)", {mark!r}], stdout=subprocess.PIPE,
                             start_new_session=True)
    return child.stdout.readline()
    """
    assert await _seen(workshop, code) == b"\n"
    assert _commands_with(mark) == []


async def test_a_fork_bomb_runs_into_the_limit(workshop: Workshop) -> None:
    code = """
    count = 0
    while True:
        try:
            if os.fork() == 0:
                import time
                time.sleep(600)
            count += 1
        except BlockingIOError:
            return count
    """
    found = await _seen(workshop, code, Bounds(process_count=20))
    assert isinstance(found, int)
    assert 0 < found < 20


async def test_a_full_tmp_is_the_builds_own_trouble(workshop: Workshop) -> None:
    code = """
    try:
        for number in range(100):
            open(f"/tmp/{number}", "wb").write(b"x" * (1 << 20))
    except OSError as error:
        for name in range(100):
            if os.path.exists(f"/tmp/{name}"):
                os.unlink(f"/tmp/{name}")
        return error.strerror
    """
    assert await _seen(workshop, code, Bounds(tmp_bytes=8 * MB)) == "No space left on device"


async def test_one_process_cannot_take_all_memory(workshop: Workshop) -> None:
    code = """
    try:
        return len(bytearray(1 << 30))
    except MemoryError:
        return "refused"
    """
    assert await _seen(workshop, code, Bounds(memory_bytes=400 * MB)) == "refused"


async def test_many_processes_cannot_take_all_memory(workshop: Workshop) -> None:
    code = """
    import time
    for _ in range(8):
        if os.fork() == 0:
            kept = b"x" * (100 << 20)
            time.sleep(600)
    time.sleep(600)
    """
    with pytest.raises(BuildFailed, match="more than 300 MB of memory"):
        await workshop(sdist("sums", "1.0.0", code), bounds=Bounds(memory_bytes=300 * MB))


async def test_a_build_that_does_not_end_is_ended(workshop: Workshop) -> None:
    code = """
    import signal
    for number in (1, 2, 15):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass
    """
    with pytest.raises(BuildFailed, match=r"longer than 0\.7 seconds"):
        await workshop(sdist("sums", "1.0.0", code), bounds=Bounds(timeout_s=0.7))


async def test_a_build_whose_caller_gives_up_is_ended(workshop: Workshop) -> None:
    mark = f"given-up-{os.getpid()}"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)', {mark!r}])"
    with anyio.move_on_after(0.7) as scope:
        await workshop(sdist("gives-up", "1.0.0", code))
    assert scope.cancelled_caught
    assert _commands_with(mark) == []


async def test_a_flood_of_words_is_cut(workshop: Workshop) -> None:
    code = """
    for _ in range(200):
        os.write(2, b"y" * 65536)
    raise SystemExit("at https://secret.example/token in /root/secret \\x1b[2J the end")
    """
    with pytest.raises(BuildFailed) as caught:
        await workshop(sdist("sums", "1.0.0", code))
    assert str(caught.value).endswith("at … in … ?[2J the end")
    assert len(str(caught.value)) < 1_200


async def test_a_failed_build_is_told_by_its_own_lines(workshop: Workshop) -> None:
    with pytest.raises(BuildFailed, match=r'File "backend.py", line \d+, in seen | .*ValueError: no compiler found'):
        await workshop(sdist("sums", "1.0.0", "raise ValueError('no compiler found')"))


async def test_a_wheel_that_is_too_large_is_refused(workshop: Workshop) -> None:
    code = "os.write(3, b'{\"wheel\": \"a.whl\"}\\n')\nwhile True: os.write(3, b'x' * 65536)"
    with pytest.raises(BuildFailed, match="larger than 1 MB"):
        await workshop(sdist("sums", "1.0.0", code), bounds=Bounds(wheel_bytes=MB))


async def test_a_wheel_that_is_a_link_leads_nowhere(workshop: Workshop, canary: Path) -> None:
    name = "sums-1.0.0-py3-none-any.whl"
    for target in ("/etc/passwd", str(canary)):
        after = f"""
        def build_wheel(folder, settings=None, metadata=None):
            os.symlink({target!r}, os.path.join(folder, {name!r}))
            return {name!r}
        """
        content = b""
        with contextlib.suppress(BuildFailed):
            answer = await workshop(sdist("sums", "1.0.0", after=after))
            assert answer.wheel is not None
            content = answer.wheel.read_bytes()
        assert b"root:" not in content
        assert b"server's own" not in content


@pytest.mark.parametrize(
    "header",
    [
        '{"wheel": "../../evil.whl"}',
        '{"wheel": "/tmp/evil.whl"}',
        '{"wheel": "answer"}',
        '{"wheel": ".."}',
        '{"wheel": 1}',
        '{"needs": [1]}',
        '{"needs": "all"}',
        '{"needs": ["' + "x" * 1000 + '"]}',
        "[]",
        "nonsense",
        "[" * 20_000,
    ],
)
async def test_an_answer_that_is_forged_is_none(workshop: Workshop, header: str) -> None:
    code = f"os.write(3, {header!r}.encode() + bytes([10])); os._exit(0)"
    with pytest.raises(BuildFailed, match="its build failed"):
        await workshop(sdist("sums", "1.0.0", code))


async def test_an_archive_with_tricks_stays_inside(workshop: Workshop, canary: Path) -> None:
    archive = sdist("sums", "1.0.0", files={f"../../../../../../..{canary}": "evil"})
    with contextlib.suppress(BuildFailed):
        await workshop(archive)
    _check_untouched(canary)


async def test_where_no_namespaces_can_be_made_nothing_is_built(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walled, "map_user", lambda _: (_ for _ in ()).throw(PermissionError("no maps here")))
    with pytest.raises(BuildFailed, match=r"only where this server can make namespaces.*no maps here"):
        await workshop(sdist("sums", "1.0.0"))


def test_a_machine_without_a_filter_builds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(_purpose: str, *, network: bool) -> NoReturn:
        raise seccomp.NoFilter("pdp11")

    monkeypatch.setattr(seccomp, "program", refuse)
    order = walled.Order(tmp_path / "source.tar.gz", tmp_path, ())

    with pytest.raises(BuildFailed, match="pdp11"):
        walled._message(order, Runtime(tmp_path), Path(sys.executable), Bounds())


async def test_a_line_that_breaks_before_the_walls_stand_ends_the_build() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        theirs.close()
        with pytest.raises(BuildFailed, match="ended"):
            await walled._introduced(ours, os.getpid())
