"""A worker: the process of one run. Takes its descriptors, walls itself in, loads the tool, answers one call or more.

What happens before the tool's code allocates as little as it can: each page that it touches is copied, for every run.
"""

import io
import marshal
import os
import resource
import sys
from _socket import socketpair  # see `namespaces`
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from . import channel, kernel, tools
from .channel import Channel, framed
from .kernel import Step, take
from .session import Session, Terms, reporter
from .source import MODULE_PREFIX

OPEN_FILES = 256
_LAST_FD = 1 << 16
_HELLO = framed(channel.HELLO, b"")
NO_WALLS = 97
"""Exit status of a worker that the kernel would not wall in; why stands on its standard error."""
_NO_PROGRAM = 127
_NULL = b"/dev/null"
_MAPS = "/proc/self/maps"
_MAX_FAULT_CHARS = 4000


class _Log(io.FileIO):
    """A stream of the run that takes no more than fits its log; what is over is dropped, and the tool goes on."""

    __slots__ = ("room",)

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.room = 0

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        kept = view[: self.room]
        while kept:
            written = super().write(kept) or 0
            self.room -= written
            kept = kept[written:]
        return len(view)


class Streams:
    """Standard output and error, made before the fork so that a worker need not.

    `first` is the number of the first descriptor of a run: only the zygote, which rehearses, has others than workers.
    """

    def __init__(self, first: int = 0) -> None:
        self._input, self._output, self._errors, self.line = range(first, first + 4)
        self._logs = (_Log(self._output), _Log(self._errors))
        self._texts = [
            io.TextIOWrapper(io.BufferedWriter(log), "utf-8", "backslashreplace", line_buffering=True)
            for log in self._logs
        ]

    def take(self, descriptors: Sequence[int], *, is_program: bool) -> int:
        """Put the run's descriptors (socket, output, error, result if any) where they belong; where the socket is."""
        # What is received gets the lowest free numbers in order, so none is overwritten before it has been moved.
        if is_program:
            os.dup2(descriptors[0], self._input)
            os.dup2(descriptors[3], self.line)
        else:
            # Its own: all who inherit an open file share its flags, and one run could leave a note there for the next.
            os.dup2(os.open(_NULL, os.O_RDWR), self._input)
            os.dup2(descriptors[0], self.line)
        os.dup2(descriptors[1], self._output)
        os.dup2(descriptors[2], self._errors)
        os.closerange(self.line + 1, _LAST_FD)
        return self._input if is_program else self.line

    def stand_in(self) -> None:
        """Take what is printed from here on, in all forks too; before `open` there is no room for it."""
        sys.stdout, sys.stderr = self._texts

    def open(self, max_bytes: int) -> None:
        """From here on what is printed goes to the run; one byte over `max_bytes` tells the host to mark the cut."""
        output, errors = self._logs
        output.room = errors.room = max_bytes + 1

    def flush(self) -> None:
        """Let nothing that was printed stay behind."""
        for text in self._texts:
            try:
                text.flush()
            except (OSError, ValueError):
                # The tool closed it.
                continue


class Wall(NamedTuple):
    """What a worker puts around itself, laid out by the zygote."""

    entering: Sequence[Step]
    """After these it sees nothing but what the run may see."""
    closing: Sequence[Step]
    """Limits and filter, after all that they would forbid."""
    home: str | None = None
    """Its folder, if it has no /tmp of its own."""


_DYING_WITH_PARENT: Step = (kernel.die_with_parent, ())


def becoming(user_id: int, *, is_brokered: bool) -> list[Step]:
    """Makes a worker another user; `is_brokered`: one whose memory the host reads, to answer its `connect` calls."""
    steps: list[Step] = [
        (os.setgroups, ([],)),
        (os.setresgid, (user_id,) * 3),
        (os.setresuid, (user_id,) * 3),
        _DYING_WITH_PARENT,
    ]
    # Changing the user has hidden it even from those of the same one, which the host becomes to look.
    return [*steps, (kernel.prctl, (kernel.PR_SET_DUMPABLE, 1))] if is_brokered else steps


def restrict(folder: str, readable: Sequence[str], executable: Sequence[str]) -> None:
    """Let this worker reach only these files, and write only into its folder.

    Raises:
        OSError: the kernel refused.
    """
    from . import landlock  # noqa: PLC0415  only one tier has it

    if executable:
        # libc needs it to find the end of the stack, on which V8 depends. The rule is for what is open here, and open
        # it stays: else the kernel could forget it and make it anew.
        os.set_inheritable(os.open(_MAPS, os.O_PATH), True)
        readable = (*readable, _MAPS)
    landlock.restrict(readable, [folder, "/dev/null"], executable)


class Worker:
    """Prepared by the zygote for every worker of one order; `run` is what a fresh fork does."""

    def __init__(self, wall: Wall, streams: Streams, order: Mapping[str, Any]) -> None:
        self.cpu_s: int = order["cpu_s"]
        self._wall = wall
        self._streams = streams
        self._program: tuple[Sequence[str], Mapping[str, str]] | None = order["program"]
        """What to become instead of Python: its arguments, and its environment."""
        self._line = Channel(streams.line)
        self._session = Session(self._line, streams, Terms(**order["terms"]))
        # Every fork would draw the same numbers from numpy's global generator; those of `random` reseed themselves.
        self._reseed = getattr(sys.modules.get("numpy.random"), "seed", None)
        self._status = NO_WALLS

    def run(self, descriptors: Sequence[int]) -> NoReturn:
        """Live as a worker and end."""
        try:
            self.live(descriptors)
        except (EOFError, BrokenPipeError):
            self._status = 0
        except BaseException:  # noqa: BLE001  nothing may go back up into the zygote's loop
            import traceback  # noqa: PLC0415  much memory, which every fork of the zygote would pay for

            os.write(2, traceback.format_exc()[-_MAX_FAULT_CHARS:].encode(errors="replace"))
        finally:
            os._exit(self._status)

    def live(self, descriptors: Sequence[int]) -> None:
        """Wall in, then answer until the host lets go, or once if that is all that was asked for.

        Raises:
            EOFError, BrokenPipeError: the host has let go.
            OSError, ValueError: the kernel refused a wall.
        """
        entering, closing, home = self._wall
        line = self._streams.take(descriptors, is_program=self._program is not None)
        take(entering)
        os.write(line, _HELLO)
        if self._program is not None:
            self._become(*self._program)
        # From the host, which may be trusted, and several times as fast to read as JSON.
        env, code, compiled = marshal.loads(self._line.read()[1])  # noqa: S302  see above
        for key, value in env.items():
            os.environ[key] = value
        if home is not None:
            os.environ["HOME"] = os.environ["TMPDIR"] = home
        take(closing)
        if self._reseed is not None:
            self._reseed()
        self._status = 0
        self._session.serve(code, compiled)

    def _become(self, arguments: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
        for descriptor in range(self._streams.line + 1):
            os.set_inheritable(descriptor, True)
        if self._wall.home is not None:
            variables = {**variables, "HOME": self._wall.home, "TMPDIR": self._wall.home}
        take(self._wall.closing)
        try:
            os.execve(arguments[0], list(arguments), dict(variables))  # noqa: S606  the sandbox's own program
        except OSError as error:
            os.write(2, f"{arguments[0]}: {error}".encode())
            os._exit(_NO_PROGRAM)


def wall(
    order: Mapping[str, Any],
    *,
    entering: Sequence[Step] = (_DYING_WITH_PARENT,),
    folder: str | None = None,
    filter_: kernel.Filter | None = None,
) -> Wall:
    """The wall of an order. `folder` is where a worker works that has no /tmp of its own."""
    at_home: Step = (os.chdir, (folder or "/tmp",))  # noqa: S108  its own
    limiting: list[Step] = [(resource.setrlimit, each) for each in limits(order)]
    return Wall([*entering, at_home], [*limiting, filter_.installing] if filter_ else limiting, folder)


def limits(order: Mapping[str, Any]) -> list[tuple[int, tuple[int, int]]]:
    """The resource limits of an order, as setrlimit(2) takes them."""
    cpu_s = order["cpu_s"]
    both = {resource.RLIMIT_FSIZE: order["tmp_bytes"], resource.RLIMIT_DATA: order["memory_bytes"]}
    if order["space_bytes"]:
        # Shared mappings are not data; only the whole address space counts them.
        both[resource.RLIMIT_AS] = order["space_bytes"]
    if order["process_count"]:
        both[resource.RLIMIT_NPROC] = order["process_count"]
    # A second between the signal that can be handled and the one that cannot; a worker that is used again moves the
    # first before each run.
    last = resource.RLIM_INFINITY if order["terms"]["is_reused"] else cpu_s + 1
    return [(each, (value, value)) for each, value in both.items()] + [(resource.RLIMIT_CPU, (cpu_s, last))]


def limit_all() -> None:
    """Set what is the same for every worker, once, in the process from which they are forked."""
    for which in (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
        resource.setrlimit(which, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))


_STAGE = 64
"""The first descriptor of a rehearsal. A zygote has opened fewer, and its own."""
_REHEARSALS = 12
"""After so many calls Python has rewritten a function for speed, and writes to its memory no more."""
_MAX_SAID_BYTES = 4096


def rehearse() -> None:
    """Live as a worker in the zygote, without walls, so that what workers run is ready in memory that they share.

    Closes every descriptor from `_STAGE` up.
    """
    code = "def run(n: int) -> int:\n    return n"
    terms = Terms("rehearsal.py", "run", 0, 1000, 1, is_lazy=False, is_traced=False, is_reused=False)
    setup = marshal.dumps(({}, code, tools.compiled(code, terms.shown)))
    frames = framed(channel.SETUP, setup) + framed(channel.CALL, b'{"n":1}')
    null = os.open(_NULL, os.O_RDWR)
    for descriptor in range(_STAGE, _STAGE + 4):
        os.dup2(null, descriptor)
    ours, theirs = socketpair()
    # What is opened next has this number again.
    opened = os.dup(null)
    os.close(opened)
    worker = Worker(Wall((), ()), Streams(_STAGE), {"cpu_s": 1, "program": None, "terms": terms._asdict()})
    for _ in range(_REHEARSALS):
        ours.send(frames)
        worker.live((theirs.fileno(), null, null))
        # A worker closes it with all that is above its own.
        os.close(opened)
        ours.recv(_MAX_SAID_BYTES)
    reporter.send = None
    sys.modules.pop(f"{MODULE_PREFIX}0", None)
    ours.close()
    theirs.close()
    os.close(null)
    os.closerange(_STAGE, _LAST_FD)
