"""Runs programs on the machines of a provider; the same for all providers."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator

from jinba_mcp.domain.errors import EnvironmentFailed, LimitExceeded, SandboxUnavailable, ShuttingDown
from jinba_mcp.domain.packages import Lock
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.sandbox.engine import Bundle, Capabilities, Limits, Outcome, Program, Setup, Signature
from jinba_mcp.sandbox.packages import locks
from jinba_mcp.sandbox.remote import payload
from jinba_mcp.sandbox.remote.answers import Answer
from jinba_mcp.sandbox.remote.machines import Machines
from jinba_mcp.sandbox.remote.provider import Machine, MachineGone, Order, Provider, ProviderFailed, Provision

logger = logging.getLogger(__name__)

GRACE_S = 15.0
"""How much longer than its limit a run may take, for the way there and back; the runner keeps the limit itself."""
INSTALL_TIMEOUT_S = 300.0
CHECK_TIMEOUT_S = 30.0
CHECK_WAIT_S = 2.0
"""How long who only looks waits for a provider that is being asked whether it can be used: a start must not."""
_LEAVE_TIMEOUT_S = 5.0
_MAX_WORDS = 300
_MAX_NAMES = 5


class RemoteEngine:
    """One engine for each provider; `name` is the provider's."""

    def __init__(  # noqa: PLR0913  what an operator may bound
        self,
        provider: Provider,
        *,
        base_lock: Lock | None = None,
        max_runs: int = 16,
        max_machines: int = 32,
        spare_count: int | None = None,
        idle_s: float = 600.0,
        queue_timeout_s: float = 10.0,
    ) -> None:
        """`base_lock` is installed for ToolSets without packages of their own: pydantic, if tools are to have it.

        At most `max_runs` at once, a further one waits for at most `queue_timeout_s`. `max_machines`, `spare_count`
        (one where each run needs a fresh machine, else none) and `idle_s` bound the machines, which may cost money.
        """
        self.name: str = provider.name
        self._provider = provider
        self._base_lock = base_lock
        self._machines = Machines(
            self._create,
            is_single_use=provider.is_single_use,
            max_count=max_machines,
            spare_count=int(provider.is_single_use) if spare_count is None else spare_count,
            idle_s=idle_s,
        )
        self._slots = asyncio.Semaphore(max_runs)
        self._max_runs = max_runs
        self._queue_timeout_s = queue_timeout_s
        self._checking: asyncio.Task[str | None] | None = None
        self._asked_at = 0.0
        self._is_usable = False
        self._leaving: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def capabilities(self) -> Capabilities:
        """What the provider can do; that it can be used is kept, that it cannot is tried again each time.

        A provider that takes its time is asked in the background: `problem` says so until it has answered.
        """
        problem = None if self._is_usable else await self._problem(CHECK_WAIT_S)
        return Capabilities(
            languages=("python",),
            isolation=self._provider.isolation,
            has_packages=True,
            networks=self._provider.networks,
            problem=problem,
        )

    async def prepare(self, bundle: Bundle, report: Reporter | None = None) -> None:
        """Build the image with the packages (Docker), or have a machine with them at hand (the others)."""
        bundle = await self._required(bundle)
        if report is not None:
            report(0, None, f"Installing packages with {self.name}")
        with _translated(self.name):
            await self._provider.prepare(bundle, self._provision_of(bundle))
            if not self._provider.is_single_use:
                await self._machines.ready(Order(bundle, Limits()))

    async def describe(self, program: Program, limits: Limits) -> Signature:
        """Load the code on a machine that no organization's runs share, and read its schemas."""
        setup = Setup(program, limits)
        return (await self._answered(setup, "describe", {}, None)).signature(program.tool)

    async def arm(self, setup: Setup) -> None:
        """Have a fresh machine at hand for what this setup needs."""
        if self._is_usable and not self._is_closed and self._refusal(setup.program.bundle) is None:
            self._machines.warm(Order(self._furnished(setup.program.bundle), setup.limits))

    async def run(self, setup: Setup, arguments: JsonObject, report: Reporter | None = None) -> Outcome:
        """Run once, in a fresh interpreter on a machine of the tenant's own."""
        answer = await self._answered(setup, "run", arguments, report)
        return answer.outcome(setup, self._provider.isolation)

    async def discard(self, digest: str) -> None:
        """Delete the machines of a bundle; an image with its packages stays, as a cache."""
        await self._machines.discard(digest)

    async def close(self) -> None:
        """Delete all machines, within seconds."""
        self._is_closed = True
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.wait({self._checking})
        await self._machines.close()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=2 * _LEAVE_TIMEOUT_S)
        with contextlib.suppress(ProviderFailed):
            await self._provider.close()

    async def _answered(self, setup: Setup, do: str, arguments: JsonObject, report: Reporter | None) -> Answer:
        bundle = await self._required(setup.program.bundle)
        request = _request(setup, do, arguments)
        order = Order(bundle, setup.limits)
        async with self._slot():
            with _translated(self.name):
                for _ in range(2):
                    async with self._machines.lease(order, setup.tenant) as kept:
                        answer = Answer(setup.limits, report)
                        try:
                            kept.is_doomed = not await self._converse(kept.machine, request, answer, setup.limits)
                        except MachineGone:
                            kept.is_doomed = True
                            continue
                        except BaseException:
                            kept.is_doomed = True
                            raise
                        return answer
        raise SandboxUnavailable(f"The {self.name} sandbox lost two machines in a row. Try again in a moment.")

    async def _converse(self, machine: Machine, request: bytes, answer: Answer, limits: Limits) -> bool:
        """Returns whether the machine is as good as before: false if the runner had to be given up."""
        timeout_s = limits.timeout_s + GRACE_S
        call = asyncio.create_task(machine.call(request, answer.receive, timeout_s))
        ended = asyncio.create_task(answer.ended.wait())
        try:
            await asyncio.wait({call, ended}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if call.done():
                call.result()
                answer.cut_off()
            return answer.ended.is_set() and answer.is_sound
        finally:
            ended.cancel()
            if not call.done():
                self._leave(call, _LEAVE_TIMEOUT_S if answer.ended.is_set() else 0.0)

    def _leave(self, call: "asyncio.Task[None]", grace_s: float) -> None:
        """Nobody waits any more: the runner, which ends by itself once it has answered, is ended after `grace_s`."""

        async def leave() -> None:
            await asyncio.wait({call}, timeout=grace_s)
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError, ProviderFailed, MachineGone):
                await call

        task = asyncio.create_task(leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._queue_timeout_s):
                await self._slots.acquire()
        except TimeoutError:
            message = f"All {self._max_runs} places of the {self.name} sandbox are taken. Try again in a moment."
            raise LimitExceeded(message) from None
        try:
            yield
        finally:
            self._slots.release()

    async def _problem(self, wait_s: float) -> str | None:
        """Why the provider cannot be used, as far as that is known `wait_s` after it was asked."""
        if self._checking is None or self._checking.done():
            self._checking, self._asked_at = asyncio.create_task(self._checked()), time.monotonic()
        await asyncio.wait({self._checking}, timeout=max(0.0, self._asked_at + wait_s - time.monotonic()))
        if not self._checking.done():
            return f"The {self.name} sandbox has not answered yet. Look again in a moment."
        if self._checking.cancelled():
            raise ShuttingDown
        return self._checking.result()

    async def _checked(self) -> str | None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                problem = await self._provider.check()
        except TimeoutError:
            return f"The {self.name} sandbox did not answer in {CHECK_TIMEOUT_S:g} s."
        if problem is None:
            # First, since a machine that is made meanwhile would be taken for a leftover.
            await self._sweep()
            self._is_usable = True
        return problem

    async def _required(self, bundle: Bundle) -> Bundle:
        if self._is_closed:
            raise ShuttingDown
        refusal = self._refusal(bundle)
        if refusal is None and not self._is_usable:
            refusal = await self._problem(CHECK_TIMEOUT_S)
        if refusal is not None:
            raise SandboxUnavailable(refusal)
        return self._furnished(bundle)

    def _furnished(self, bundle: Bundle) -> Bundle:
        return bundle if bundle.lock else bundle.model_copy(update={"lock": self._base_lock})

    def _refusal(self, bundle: Bundle) -> str | None:
        if bundle.language != "python":
            return f"The {self.name} sandbox runs Python only. Set sandbox.provider to local for {bundle.language}."
        if bundle.mode == "reuse":
            return f"The {self.name} sandbox has no reuse. Set sandbox.mode to one_shot, or sandbox.provider to local."
        return self._provider.refusal(bundle.network)

    async def _create(self, order: Order) -> Machine:
        return await self._provider.create(order, self._provision_of(order.bundle))

    def _provision_of(self, bundle: Bundle) -> Provision:
        sources = [build.source.name for build in locks.builds(bundle.lock.text)] if bundle.lock else []
        if sources:
            raise SandboxUnavailable(
                f"The {self.name} sandbox installs wheels only, and {', '.join(sources[:_MAX_NAMES])} would have to be"
                " built from source. Choose versions that have wheels, or set sandbox.provider to local."
            )

        async def provision(machine: Machine) -> None:
            root = self._provider.root
            await machine.upload(f"{root}/runner.zip", payload.archive())
            await _must(machine, payload.unpack_command(root), "could not be set up")
            if bundle.lock is not None:
                await machine.upload(f"{root}/requirements.txt", bundle.lock.text.encode())
                await _must(machine, payload.install_command(root), "could not install the packages")

        return provision

    async def _sweep(self) -> None:
        try:
            count = await self._provider.sweep()
        except ProviderFailed as failure:
            logger.warning("leftover machines not swept", extra={"event": "sandbox.sweep", "reason": str(failure)})
            return
        if count:
            logger.info("leftover machines removed", extra={"event": "sandbox.sweep", "count": count})


async def _must(machine: Machine, command: list[str], fault: str) -> None:
    code, words = await machine.execute(command, INSTALL_TIMEOUT_S)
    if code != 0:
        lines = [line.strip() for line in words.splitlines() if line.strip()]
        last = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no output")
        raise EnvironmentFailed(f"The machine {fault}: {last[:_MAX_WORDS]}")


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except ProviderFailed as failure:
        raise SandboxUnavailable(f"The {name} sandbox is out of reach: {failure}.") from failure
    except MachineGone as gone:
        raise SandboxUnavailable(f"The {name} sandbox lost a machine. Try again in a moment.") from gone


def _request(setup: Setup, do: str, arguments: JsonObject) -> bytes:
    program, limits = setup.program, setup.limits
    request = {
        "do": do,
        "code": program.code,
        "shown": program.shown,
        "entrypoint": program.entrypoint,
        "arguments": arguments,
        "env": setup.env.variables,
        "limits": limits.model_dump(mode="json"),
    }
    return json.dumps(request).encode() + b"\n"
