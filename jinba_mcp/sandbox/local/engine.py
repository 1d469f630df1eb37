"""The engine that runs strangers' code on this machine: walls of the kernel, a process for each run."""

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path

from jinba_mcp.domain.errors import JinbaError, ShuttingDown, Unavailable
from jinba_mcp.domain.isolation import Isolation
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import RunLogs
from jinba_mcp.sandbox import pool
from jinba_mcp.sandbox.egress.doors import Doors
from jinba_mcp.sandbox.egress.proxy import Proxy
from jinba_mcp.sandbox.engine import Bundle, Capabilities, Limits, Outcome, Program, Setup, Signature
from jinba_mcp.sandbox.guest import channel, faults
from jinba_mcp.sandbox.local import jobs, outcomes, selftest, tiers, zygotes
from jinba_mcp.sandbox.local.attempts import Attempts
from jinba_mcp.sandbox.local.deno import Deno
from jinba_mcp.sandbox.local.homes import Environments, Home, Homes
from jinba_mcp.sandbox.local.jobs import Job
from jinba_mcp.sandbox.local.logs import logs
from jinba_mcp.sandbox.local.mounts import Python
from jinba_mcp.sandbox.local.plans import Planner
from jinba_mcp.sandbox.local.replies import Lost, OnProgress, Reply
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.local.watch import CpuWatch
from jinba_mcp.sandbox.local.workers import Worker
from jinba_mcp.sandbox.local.zygotes import Start

_SIZES = pool.Sizes()
_BURST_REPORTS, _REPORTS_PER_S = 128, 40.0
"""Twice what the guest's own `progress` lets through: only who writes past it is cut short here."""
_MAX_COUNT = 1e300
_MAX_RUNS_OF_ONE = 1_000
"""A process that is used again ends after this many runs: what it leaks, ends with it."""


class LocalEngine:
    """Python in namespaces of its own, one process for each run, armed before the call comes."""

    name = "local"

    def __init__(  # noqa: PLR0913  all that it is made of, said once at the root
        self,
        cache_dir: Path,
        *,
        tier: Tier = Tier.NAMESPACES,
        isolation: Isolation | None = None,
        packages: Environments | None = None,
        typescript: Deno | None = None,
        egress: Proxy | None = None,
        start: Start = zygotes.start,
        sizes: pool.Sizes = _SIZES,
        max_zygotes: int = 64,
        python: str | None = None,
    ) -> None:
        """`cache_dir` is where what sandboxes read is kept from one start to the next.

        `isolation` is what `tier` is announced as here; by default as on the best of machines. `packages` gives
        the folders of bundles' packages, `egress` serves the way out of a sandbox's network, `typescript` knows how
        to run that. `python` is the guest's interpreter, of the server's own version; by default the server's.
        """
        self._isolation = isolation or tiers.isolation(tier, selftest.host())
        self._planner = Planner(
            cache_dir,
            tier,
            Python.at(python) if python else Python.own(),
            typescript=typescript,
            has_egress=egress is not None,
        )
        self._homes = Homes(
            start,
            self._planner.blueprint,
            packages,
            Doors(egress) if egress else None,
            max_count=max_zygotes,
            on_gone=self._planner.leave,
        )
        self._pool: pool.Pool[Job, Worker] = pool.Pool(
            self._armed, sizes, may_spare=_may_spare, is_restless=CpuWatch().is_restless
        )
        self._jobs = jobs.Jobs()
        self._is_closed = False

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            languages=self._planner.languages,
            isolation=self._isolation,
            has_packages=True,
            networks=("off", "hosts", "on") if self._planner.has_network else ("off",),
            has_reuse=True,
        )

    async def prepare(self, bundle: Bundle, report: Reporter | None = None) -> None:
        self._planner.require(bundle)
        await self._homes.ready(bundle, report)

    async def describe(self, program: Program, limits: Limits) -> Signature:
        reply, _printed = await self._called(self._reading_job(program, limits), channel.DESCRIBE, b"", None)
        return await outcomes.signature(reply, program, limits)

    async def arm(self, setup: Setup) -> None:
        with contextlib.suppress(Unavailable):
            await self._homes.ready(setup.program.bundle, modules=jobs.expected_modules(setup.program))
            self._pool.warm(self._job(setup))

    async def run(self, setup: Setup, arguments: JsonObject, report: Reporter | None = None) -> Outcome:
        job = self._job(setup)
        reply, printed = await self._called(job, channel.CALL, _encoded(arguments), relay(report))
        return await outcomes.outcome(reply, setup, printed, self._isolation)

    async def discard(self, digest: str) -> None:
        self._jobs.discard(digest)
        self._pool.discard(lambda job: job.setup.program.bundle.digest == digest)
        self._homes.discard(digest)

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._pool.close()
            await self._homes.close()
            if self._planner.folders is not None:
                await self._planner.folders.close()

    def _job(self, setup: Setup) -> Job:
        key = jobs.key(setup)
        found = self._jobs.get(key)
        if found is None:
            self._planner.require(setup.program.bundle)
            found = self._planner.job(setup)
            gone = self._jobs.keep(key, found)
            if gone:
                # What is kept ready for them would keep them, too.
                self._pool.discard(gone.__contains__)
        return found

    def _reading_job(self, program: Program, limits: Limits) -> Job:
        self._planner.require(program.bundle)
        return self._planner.job(Setup(program, limits), is_described=True)

    async def _called(
        self, job: Job, kind: int, payload: bytes, on_progress: OnProgress | None
    ) -> tuple[Reply, RunLogs]:
        """One call, by a worker that is then ended or kept, as its job has it."""
        attempts = Attempts(job.setup.limits.timeout_s)
        while True:
            worker, home = await self._worker(job, attempts)
            is_kept = False
            try:
                reply = await self._answer(worker, home, kind, payload, on_progress)
                is_kept = job.is_reused and worker.run_count < _MAX_RUNS_OF_ONE and outcomes.is_success(reply)
                printed = logs(worker.stdout, worker.stderr)
            finally:
                self._let_go(worker, is_kept=is_kept)
            if not isinstance(reply, Lost) or reply.has_begun or reply.why == "closed":
                self._trace(home, job)
                return reply, printed
            # The call has not reached it, so nothing is done twice.
            why = f": {printed.stderr[-1]}" if printed.stderr else ": it ended before it had begun. Try again later."
            was_born = reply.ended.was_born
            was_killed = reply.why == "died" and was_born and reply.ended.status is None and not printed.stderr
            await attempts.failed(f"for '{job.setup.program.tool}'{why}", is_its_own_fault=not was_killed)

    async def _worker(self, job: Job, attempts: Attempts) -> tuple[Worker, Home]:
        program = job.setup.program
        while True:
            if self._is_closed:
                raise ShuttingDown
            home = self._homes.known(program.bundle)
            if home is None:
                home = await self._homes.ready(program.bundle, modules=jobs.expected_modules(program))
            try:
                return await self._pool.take(job), home
            except OSError as error:
                was_killed = isinstance(error, ConnectionError)
                await attempts.failed(f"now: {error}. Try again later.", is_its_own_fault=not was_killed)

    async def _answer(
        self, worker: Worker, home: Home, kind: int, payload: bytes, on_progress: OnProgress | None
    ) -> Reply:
        refusal = await self._greeted(worker, home) if worker.greeting else None
        return refusal or await worker.call(kind, payload, on_progress)

    async def _greeted(self, worker: Worker, home: Home) -> Reply | None:
        """What a worker said when it had loaded: what it has imported, and why it cannot be called if so."""
        greeting, worker.greeting = worker.greeting, b""
        try:
            told = await outcomes.parsed(greeting)
        except outcomes.Nonsense:
            return Lost("nonsense")
        if told.get("modules") is not None:
            self._homes.learn(home, worker.tool, told["modules"])
        return greeting if told.get("fault") is not None else None

    def _let_go(self, worker: Worker, *, is_kept: bool) -> None:
        if is_kept:
            self._pool.give_back(worker)
        else:
            self._pool.release(worker)

    def _trace(self, home: Home, job: Job) -> None:
        """After the first run of a tool, find out in a worker of its own what it imports; share it from then on."""
        program = job.setup.program
        if program.tool in home.traced and home.modules <= home.shared:
            return
        is_kept = self._homes.known(program.bundle) is home
        if job.command is not None or job.is_described or not is_kept or self._is_closed:
            return
        if program.tool in home.traced:
            self._homes.improve(home)
        else:
            home.traced.add(program.tool)
            self._homes.spawned(self._traced(self._reading_job(program, job.setup.limits)))

    async def _traced(self, job: Job) -> None:
        # No env, no arguments: what it learns can hold nothing of any caller.
        with contextlib.suppress(JinbaError):
            worker, home = await self._worker(job, Attempts(job.setup.limits.timeout_s))
            try:
                await self._greeted(worker, home)
                self._homes.improve(home)
            finally:
                self._pool.release(worker)

    def _armed(self, job: Job, on_ready: Callable[[Worker], None]) -> Worker:
        """Order a worker.

        Raises:
            OSError: there is no zygote now, or there are no descriptors left.
        """
        program = job.setup.program
        home = self._homes.known(program.bundle)
        if home is None or home.zygote is None:
            raise ConnectionResetError("its zygote has ended")
        code = home.code_of(program)
        is_compiling = code is None and job.command is None
        worker = Worker(home.zygote, job, is_compiling=is_compiling, folders=self._planner.folders)

        def landed(worker: Worker) -> None:
            if worker.code is not None:
                home.keep_code(program, worker.code)
            on_ready(worker)

        worker.on_ready = landed
        worker.send(job.frames(code))
        return worker


def relay(report: Reporter | None) -> OnProgress | None:
    """Hands on what a worker says of its progress, as far as it makes sense."""
    if report is None:
        return None

    room, at = float(_BURST_REPORTS), time.monotonic()

    def received(payload: bytes) -> None:
        nonlocal room, at
        now = time.monotonic()
        room, at = min(_BURST_REPORTS, room + (now - at) * _REPORTS_PER_S), now
        if room < 1:
            return
        room -= 1
        try:
            done, total, message = json.loads(payload)
        except (ValueError, TypeError, RecursionError):
            return
        if _is_number(done) and (total is None or _is_number(total)) and isinstance(message, str | None):
            report(done, total, message and faults.safe(message))

    return received


def _is_number(value: object) -> bool:
    # A float holds all that anyone counts up to, and some ints that are sent here are longer.
    return isinstance(value, int | float) and not isinstance(value, bool) and -_MAX_COUNT < value < _MAX_COUNT


def _may_spare(job: Job) -> bool:
    return not job.is_described and not job.is_reused and job.setup.program.bundle.prewarm != "off"


# Made once; `JSONEncoder` makes one for each text. It also writes numbers that are none in JSON, but they are refused
# before they come here.
_pieces = json.encoder.c_make_encoder(  # type: ignore[attr-defined]  # typeshed does not know it
    None, json.JSONEncoder().default, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, True
)


def _encoded(arguments: JsonObject) -> bytes:
    return "".join(_pieces(arguments, 0)).encode()
