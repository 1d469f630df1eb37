"""Servers to measure: each a process of its own on the first core, while the load generator has the second."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from load import HOST

HERE = Path(__file__).parent
CACHE = HERE.parent / ".cache" / "bench"
TOOLSETS = HERE / "toolsets"
_SCOPES = ("--scope", "execute", "--scope", "read")
JINBA = str(Path(sys.executable).with_name("jinba-mcp"))
OF_SERVERS, OF_LOAD = 0, 1
"""Cores; where there is one only, everything is on it."""
BOOT_TIMEOUT_S = 120
STOP_TIMEOUT_S = 30


class NotStarted(Exception):
    """A server that does not answer; the message says what it left behind."""


@dataclass(frozen=True)
class Server:
    """A server that listens on `port` of loopback."""

    pid: int
    port: int

    def memory_mb(self) -> float:
        """Resident memory of the process itself, without processes that it started."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000

    def cpu_s(self) -> float:
        """Processor time, user and system, of the process and all below it, those that were waited for included."""
        return sum(_cpu_ticks(pid) for pid in _tree(self.pid)) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Jinba(Server):
    """Ours, with everything on."""

    data_dir: Path
    database_url: str
    key: str

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def begin(core: int | None = OF_LOAD) -> None:
    """Have this process on one core, and end what it started also when it is told to terminate."""
    if core is not None:
        _pin(core)
    # As an interruption, which ends an event loop in order.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def _pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})


@contextmanager
def serving(
    command: Sequence[str],
    environment: Mapping[str, str],
    port: int,
    *,
    core: int | None = OF_SERVERS,
    folder: str = ".",
) -> Iterator[Server]:
    """A server, from when something listens on its port; on one core, or with None on those of this process.

    Raises:
        NotStarted: nothing does, and nothing will.
    """
    with (
        tempfile.TemporaryFile() as errors,
        _process(command, {**own_environment(), **environment}, errors.fileno(), core, folder) as process,
    ):
        until = time.monotonic() + BOOT_TIMEOUT_S
        while not _is_open(port):
            if process.poll() is not None or time.monotonic() > until:
                errors.seek(0)
                raise NotStarted(errors.read()[-2000:].decode(errors="replace"))
            time.sleep(0.05)
        yield Server(process.pid, port)


@contextmanager
def bare(name: str, *, core: int = OF_SERVERS, **environment: str) -> Iterator[Server]:
    """One of the programs beside this one, which listen on PORT."""
    port = free_port()
    with serving([sys.executable, str(HERE / name)], {"PORT": str(port), **environment}, port, core=core) as server:
        yield server


@contextmanager
def jinba(
    database_url: str = "",
    *,
    toolsets: Path = TOOLSETS,
    prepare: Callable[[str], object] = lambda _url: None,
    core: int | None = OF_SERVERS,
    **settings: str,
) -> Iterator[Jinba]:
    """`jinba-mcp serve` in a data directory of its own, from when it is ready, with a key to read and execute.

    Without `database_url` on SQLite; else the database there must be empty. `prepare` gets the URL of the database
    when the organization and the key are in it, and the server does not run yet.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="jinba-bench-") as folder:
        environment = settings_in(Path(folder), toolsets) | settings
        if database_url:
            environment["JINBA_DATABASE_URL"] = database_url
        key = json.loads(jinba_says(environment, "keys", "create", "--name", "bench", *_SCOPES, "--json"))["key"]
        url = database_url or f"sqlite:///{folder}/jinba.db"
        prepare(url)
        with serving([JINBA, "serve", "--port", str(port)], environment, port, core=core) as server:
            _wait_until_ready(port)
            yield Jinba(server.pid, port, Path(folder), url, key)


def settings_in(folder: Path, toolsets: Path = TOOLSETS) -> dict[str, str]:
    """Settings that keep everything in `folder`."""
    return {
        "JINBA_DATA_DIR": str(folder),
        "JINBA_TOOLSETS_DIRS": str(toolsets),
        "JINBA_LOG_LEVEL": "warning",
        # Whoever measures may be logged in to a server of theirs.
        "XDG_CONFIG_HOME": str(folder / "config"),
    }


def jinba_says(environment: Mapping[str, str], *arguments: str) -> str:
    """What a command of ours prints."""
    done = subprocess.run(
        [JINBA, *arguments],
        env={**own_environment(), **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=BOOT_TIMEOUT_S,
    )
    return done.stdout


def own_environment() -> dict[str, str]:
    """The environment of this process without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("JINBA_")}


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str], errors: int, core: int | None, folder: str
) -> Iterator["subprocess.Popen[bytes]"]:
    # Set before it starts: a thread that it has by then would stay on the core it was on.
    own = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if core is not None:
        _pin(core)
    try:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, cwd=folder
        )
    finally:
        if own:
            os.sched_setaffinity(0, own)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(port: int) -> None:
    """Ours listens before it answers."""
    with closing(http.client.HTTPConnection(HOST, port, timeout=BOOT_TIMEOUT_S)) as connection:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        if answer.status != 200:
            raise NotStarted(answer.read().decode())


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text(encoding="utf-8").split():
                yield from _tree(int(child))
    except OSError:
        # It ended meanwhile.
        return


def _cpu_ticks(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0
    # After the name, which may hold anything: utime, stime, cutime, cstime are the 14th to the 17th.
    return sum(int(each) for each in stat.rpartition(")")[2].split()[11:15])
