"""Runs trusted Python in threads of this very process: the fastest engine, and no boundary at all.

Only for code of whoever holds the machine. A thread cannot be killed: a run that times out is given up, and its thread
stays busy until the code ends by itself.
"""

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pydantic_core

from jinba_mcp.domain import progress
from jinba_mcp.domain.errors import SandboxUnavailable, ToolCodeInvalid
from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import SHUT_DOWN, RunError
from jinba_mcp.sandbox import capture
from jinba_mcp.sandbox.engine import (
    Bundle,
    Capabilities,
    Limits,
    Outcome,
    OutcomeStatus,
    Program,
    Setup,
    Signature,
)
from jinba_mcp.sandbox.guest.tools import CodeFault, Tool
from jinba_mcp.sandbox.loading import Library, refused
from jinba_mcp.sandbox.threads import Deliver, Threads, Worker

R = TypeVar("R")

_ISOLATION = Isolation(provider="inprocess", tier="thread", level=Level.NONE)


class InProcessEngine:
    """The engine for the operator's own Python code. Of the limits, only those of time, output and logs hold."""

    name = "inprocess"

    def __init__(self, max_threads: int = 64, max_tools: int = 1_000) -> None:
        """`max_threads` runs at once, given-up ones included; the `max_tools` used last stay loaded.

        Until `close`, `sys.stdout` and `sys.stderr` are replaced so that nothing a tool prints reaches the real ones.
        """
        self._threads = Threads(max_threads)
        self._library = Library(max_tools)
        self._flights: set[_Flight[Any]] = set()
        self._is_closed = False
        capture.install()

    @property
    def busy_count(self) -> int:
        """Threads that are running code now, given-up runs included."""
        return self._threads.busy_count

    async def capabilities(self) -> Capabilities:
        """Python with what the server has installed, and the server's own network."""
        return Capabilities(languages=("python",), isolation=_ISOLATION, networks=("on",))

    async def prepare(self, bundle: Bundle, report: Reporter | None = None) -> None:  # noqa: ARG002  part of the seam; this takes no time
        """Nothing to make ready.

        Raises:
            SandboxUnavailable: it is not Python.
        """
        if bundle.language != "python":
            raise SandboxUnavailable(
                f"'{bundle.toolset}' is {bundle.language}; the in-process engine runs Python only."
            )

    async def arm(self, setup: Setup) -> None:
        """Nothing to make ready: the first call loads the tool."""

    async def discard(self, digest: str) -> None:
        """Let go of the loaded tools of a bundle; runs in flight go on."""
        self._library.discard(digest)

    async def describe(self, program: Program, limits: Limits) -> Signature:
        """Run the module of the code and read its schemas. What it prints meanwhile is dropped.

        Raises:
            ToolCodeInvalid: it does not load in time, has no such entrypoint, or its types have no schema.
            LimitExceeded: no thread is free.
            SandboxUnavailable: it is not Python.
        """
        await self.prepare(program.bundle)
        slow = ToolCodeInvalid(f"The code of '{program.tool}' took longer than {limits.timeout_s:g} s to load.")
        flight = _Flight[Signature | ToolCodeInvalid](capture.Output(0), lambda: slow, None)
        found = await self._fly(flight, functools.partial(self._described, program), limits.timeout_s)
        if isinstance(found, ToolCodeInvalid):
            raise found
        return found

    async def run(self, setup: Setup, arguments: JsonObject, report: Reporter | None = None) -> Outcome:
        """Run once, in a thread; `report` is called on the caller's event loop.

        When the time is up, or the caller is cancelled, a coroutine is cancelled and a plain function is given up: it
        goes on unseen, its result is dropped, and its thread stays taken until it ends.

        Raises:
            LimitExceeded: no thread is free.
            SandboxUnavailable: it is not Python, or there are environment variables to set.
            ShuttingDown: the engine is closed.
        """
        await self.prepare(setup.program.bundle)
        if setup.env.variables:
            # os.environ is one for all threads, so what one run is given every other would see.
            raise SandboxUnavailable(
                f"'{setup.program.bundle.toolset}' has environment variables, which the in-process engine cannot keep "
                "apart; set its sandbox provider to 'local'."
            )
        output = capture.Output(setup.limits.log_bytes)
        flight: _Flight[Outcome] = _Flight(output, functools.partial(_overdue, setup, output), report)
        # As text, so that a tool which changes its arguments changes nothing of the caller's.
        raw = pydantic_core.to_json(arguments)
        return await self._fly(flight, functools.partial(self._ran, setup, raw), setup.limits.timeout_s)

    async def close(self) -> None:
        """End every run as failed, let go of the threads, and restore the standard streams. Does not wait for code."""
        if self._is_closed:
            return
        self._is_closed = True
        self._threads.close()
        for flight in tuple(self._flights):
            flight.land(_failed(SHUT_DOWN, flight.output))
        self._library.clear()
        capture.uninstall()

    async def _fly(self, flight: "_Flight[R]", work: "Callable[[_Flight[R], Worker], R]", timeout_s: float) -> R:
        context = contextvars.copy_context()

        def job(worker: Worker) -> Deliver:
            return functools.partial(flight.land_from_thread, context.run(work, flight, worker))

        self._threads.submit(job)
        timer = flight.loop.call_later(timeout_s, flight.expire)
        self._flights.add(flight)
        try:
            return await flight.future
        finally:
            timer.cancel()
            self._flights.discard(flight)
            flight.leave()

    def _described(
        self, program: Program, flight: "_Flight[Signature | ToolCodeInvalid]", _worker: Worker
    ) -> Signature | ToolCodeInvalid:
        flight.enter()
        try:
            return Signature(**self._library.get(program).describe())
        except ToolCodeInvalid as error:
            return error
        except CodeFault as fault:
            return refused(fault)

    def _ran(self, setup: Setup, arguments: bytes, flight: "_Flight[Outcome]", worker: Worker) -> Outcome:
        flight.enter()
        try:
            tool = self._library.get(setup.program)
        except ToolCodeInvalid as error:
            return _failed(RunError(name="ToolCodeInvalid", message=error.message), flight.output)
        return _called(tool, arguments, setup.limits, flight, worker)


class _Flight(Generic[R]):
    """One piece of work on its way through a thread, as the event loop that waits for it sees it."""

    def __init__(self, output: capture.Output, overdue: Callable[[], R], report: Reporter | None) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[R] = self.loop.create_future()
        self.output = output
        self._overdue = overdue
        self._report = report
        # What a report prints or logs is not the tool's, so it is made in the context of the caller.
        self._context = contextvars.copy_context()
        self._is_left = False
        self._cancel: Callable[[], None] | None = None

    def enter(self) -> None:
        """In the thread and context of the work: from here on its prints and its progress belong to it."""
        capture.output.set(self.output)
        progress.reporter.set(None if self._report is None else self._report_from_thread)

    def may_be_cancelled(self, cancel: Callable[[], None]) -> None:
        """In the thread: `cancel` ends the work; it is called when nobody waits any more."""
        self._cancel = cancel
        # Set first, looked at second; `leave` does the opposite, so one of the two sees the other.
        if self._is_left:
            cancel()

    def land_from_thread(self, result: R) -> None:
        # The loop may be closed by the time that given-up work ends.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._arrive, result)

    def land(self, result: R) -> None:
        """On the loop: the first result counts, a late one is dropped."""
        if not self.future.done():
            self.future.set_result(result)

    def expire(self) -> None:
        self.land(self._overdue())

    def leave(self) -> None:
        """On the loop: nobody waits any more. Work that can be cancelled is."""
        self._is_left = True
        if self._cancel is not None:
            self._cancel()

    def _arrive(self, result: R) -> None:
        self._cancel = None
        self.land(result)

    def _report_from_thread(self, done: float, total: float | None, message: str | None) -> None:
        if not self._is_left:
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._report_on_loop, done, total, message, context=self._context)

    def _report_on_loop(self, done: float, total: float | None, message: str | None) -> None:
        # An error in here goes to the loop's handler and its log, not to the tool.
        if self._report is not None and not self.future.done():
            self._report(done, total, message)


def _called(tool: Tool, arguments: bytes, limits: Limits, flight: _Flight[Outcome], worker: Worker) -> Outcome:
    answer = tool.answer(arguments, limits.output_bytes, lambda work: worker.run_async(work, flight.may_be_cancelled))
    if answer.error is not None:
        return _failed(RunError(**answer.error), flight.output)
    content = None if answer.content is None else tuple(pydantic_core.from_json(answer.content))
    return Outcome(
        status=OutcomeStatus.SUCCESS,
        output=pydantic_core.from_json(answer.output),
        content=content,
        error=None,
        logs=flight.output.logs(),
        isolation=_ISOLATION,
    )


def _failed(error: RunError, output: capture.Output) -> Outcome:
    return Outcome(status=OutcomeStatus.FAILED, error=error, logs=output.logs(), isolation=_ISOLATION)


def _overdue(setup: Setup, output: capture.Output) -> Outcome:
    message = f"'{setup.program.tool}' took longer than {setup.limits.timeout_s:g} s and was given up."
    error = RunError(name="Timeout", message=message)
    return Outcome(status=OutcomeStatus.TIMEOUT, error=error, logs=output.logs(), isolation=_ISOLATION)
