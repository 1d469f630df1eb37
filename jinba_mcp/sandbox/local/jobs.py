"""What a worker is ordered with and told, worked out once for all runs of one setup."""

import json
import marshal
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from jinba_mcp.sandbox.engine import Program, Setup
from jinba_mcp.sandbox.guest import channel
from jinba_mcp.sandbox.guest.channel import framed

_SPACE_BYTES = 256 * 1024 * 1024
"""Address space beside the memory that may be used: libraries, thread stacks, reservations."""
_AUTHORING = "jinba_mcp.authoring"
_EXPECTED = {"pydantic": "pydantic", _AUTHORING: _AUTHORING, "asyncio": "async def "}
"""Modules, and what stands in the code that needs them."""
_KEPT_FRAMES_BYTES = 64 * 1024
"""Longer ones are put together for each worker: each job would keep a copy of the code, and of what it compiles to."""
MAX_COUNT = 2_000
MAX_BYTES = 128 * 1024 * 1024
"""Of code and env in the jobs that are kept, about: who changes a variable before each run makes a job of each."""
PROXIED = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:3128")
"""The only way to the network, as HTTP clients read it."""


@dataclass(frozen=True)
class Command:
    """A program that does a worker's part: nothing in here is secret, since the zygote and /proc see it."""

    arguments: Callable[[], tuple[str, ...]]
    """Worked out for each worker: where its packages are is known when its zygote stands."""
    variables: Mapping[str, str]
    thread_count: int = 0
    """Threads of its own, beside those of the tool."""
    reserved_bytes: int = 0
    """Memory that it makes writable and hardly uses, as V8 does for its code; it counts as used."""


class Job:
    """One setup, ready to be ordered any number of times. Workers of one job stand in for each other."""

    def __init__(
        self,
        setup: Setup,
        *,
        variables: Mapping[str, str],
        is_described: bool = False,
        command: Command | None = None,
    ) -> None:
        """`variables` stand in the env beneath the setup's own.

        `is_described`: only to be read, not run; it gets nothing that is a caller's, and tells what it imported.
        `command` makes it a program instead of Python; see `workers.py`.
        """
        self.setup = setup
        self.command = command
        self.is_described = is_described
        self.is_reused = setup.program.bundle.mode == "reuse" and not is_described
        self._variables = variables
        self._order = json.dumps(self._ordered()).encode()
        self._frames: dict[bool, bytes] = {}
        self.size_bytes = len(setup.program.code) + sum(len(key) + len(value) for key, value in self._env().items())

    def order(self, private: Mapping[str, Any] | None = None) -> bytes:
        """What the zygote is told: the same bytes for every worker of a job, unless `private` has something of one."""
        return self._order if private is None else json.dumps(self._ordered() | dict(private)).encode()

    def frames(self, code: bytes | None) -> bytes:
        """What the worker is told, over its own socket: env and code never pass through the zygote.

        `code` is the same for all but the first, whose workers compile it.
        """
        found = self._frames.get(code is None)
        if found is None:
            found = framed(channel.SETUP, self._told(code))
            if len(found) <= _KEPT_FRAMES_BYTES:
                self._frames[code is None] = found
        return found

    def _told(self, code: bytes | None) -> bytes:
        source = self.setup.program.code
        env = self._env()
        if self.command is None:
            return marshal.dumps((env, source, code))
        return json.dumps({"env": env, "code": source, **self._terms()}).encode()

    def _env(self) -> dict[str, str]:
        return {**self._variables, **({} if self.is_described else self.setup.env.variables)}

    def _terms(self) -> dict[str, Any]:
        program, limits = self.setup.program, self.setup.limits
        return {
            "shown": program.shown,
            "entrypoint": program.entrypoint,
            "log_bytes": limits.log_bytes,
            "output_bytes": limits.output_bytes,
            "cpu_s": math.ceil(limits.cpu_s),
            "is_lazy": program.bundle.prewarm != "tool" and not self.is_described,
            "is_traced": self.is_described,
            "is_reused": self.is_reused,
        }

    def _ordered(self) -> dict[str, Any]:
        limits, is_program = self.setup.limits, self.command is not None
        return {
            "cpu_s": math.ceil(limits.cpu_s),
            "memory_bytes": limits.memory_bytes + (self.command.reserved_bytes if self.command else 0),
            # V8 reserves far more than it uses.
            "space_bytes": None if is_program else limits.memory_bytes + _SPACE_BYTES,
            "process_count": limits.process_count + (self.command.thread_count if self.command else 0),
            "tmp_bytes": limits.tmp_bytes,
            "program": None if self.command is None else [self.command.arguments(), dict(self.command.variables)],
            "terms": self._terms(),
        }


class Jobs:
    """The jobs that were asked for last, as many as there is room for."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Job] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Job | None:
        """The one that was kept under this key, if it still is."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: Hashable, job: Job) -> list[Job]:
        """Keep one more; those that had to make room for it."""
        gone = []
        while self._kept and (len(self._kept) >= MAX_COUNT or self._bytes + job.size_bytes > MAX_BYTES):
            gone.append(self._pop(next(iter(self._kept))))
        self._kept[key] = job
        self._bytes += job.size_bytes
        return gone

    def discard(self, digest: str) -> None:
        """Let go of those of one bundle."""
        for key in [key for key, job in self._kept.items() if job.setup.program.bundle.digest == digest]:
            self._pop(key)

    def _pop(self, key: Hashable) -> Job:
        job = self._kept.pop(key)
        self._bytes -= job.size_bytes
        return job


def expected_modules(program: Program) -> frozenset[str]:
    """What code surely imports that takes long, told by its text; the rest is learnt when it has run once."""
    code = program.code
    expected = {name for name, sign in _EXPECTED.items() if sign in code}
    return frozenset(expected | {"pydantic"} if _AUTHORING in expected else expected)


def key(setup: Setup) -> Hashable:
    """Equal for setups whose workers can stand in for each other."""
    program, bundle = setup.program, setup.program.bundle
    tenant = setup.tenant if bundle.mode == "reuse" else ""
    # ToolSets of equal content have equal digests, whoever they belong to; what is shown of each is its own name.
    made_of = (bundle.digest, bundle.network, bundle.mode, bundle.prewarm)
    what = (*made_of, program.shown, program.tool, program.entrypoint, program.code)
    return what, setup.limits, setup.env.digest, tenant
