"""The engine for computers without walls of their own: each run in a fresh WebAssembly machine."""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from jinba_mcp.domain.errors import SandboxUnavailable, Unavailable
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import RunLogs
from jinba_mcp.sandbox import pool
from jinba_mcp.sandbox.engine import Bundle, Capabilities, Limits, Outcome, Program, Setup, Signature
from jinba_mcp.sandbox.guest import channel
from jinba_mcp.sandbox.local import outcomes, selftest, tiers
from jinba_mcp.sandbox.local.engine import relay
from jinba_mcp.sandbox.local.replies import Lost, OnProgress, Reply
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.wasm import components
from jinba_mcp.sandbox.wasm.components import Components
from jinba_mcp.sandbox.wasm.processes import Process

_MAX_ATTEMPTS = 3
_MAX_RUNS_OF_ONE = 1_000
"""A process ends after this many runs: what it may leak, ends with it."""
_ANY = "any"
"""The one kind of worker: instances are fresh, so each process serves every tool and tenant."""


class WasmEngine:
    """Plain Python without packages or network, in worker processes that are used again and instances that are not."""

    name = "local"

    def __init__(self, cache_dir: Path, *, max_workers: int | None = None, max_waiting: int = 1_000) -> None:
        """`cache_dir` keeps the compiled component, and must be writable by the server alone.

        `max_workers` processes run one tool each at a time; by default as many as there are processors, at least two.
        """
        self._components = Components(cache_dir)
        self._isolation = tiers.isolation(Tier.WASM, selftest.host())
        count = max_workers or max(2, os.cpu_count() or 2)
        sizes = pool.Sizes(max_workers=count, max_spares=count, max_waiting=max_waiting)
        self._pool: pool.Pool[str, Process] = pool.Pool(self._started, sizes, may_spare=lambda _kind: True)
        self._compiled: Path | None = None
        self._endings: dict[Process, asyncio.Task[None]] = {}

    async def capabilities(self) -> Capabilities:
        problem = components.missing()
        languages = () if problem else ("python",)
        return Capabilities(languages=languages, isolation=self._isolation, problem=problem)

    async def prepare(self, bundle: Bundle, report: Reporter | None = None) -> None:
        _require(bundle)
        await self._ready(report)
        self._pool.warm(_ANY)

    async def describe(self, program: Program, limits: Limits) -> Signature:
        reply, _logs = await self._called(Setup(program, limits), channel.DESCRIBE, b"", None)
        return await outcomes.signature(reply, program, limits)

    async def arm(self, setup: Setup) -> None:
        with contextlib.suppress(Unavailable):
            await self.prepare(setup.program.bundle)

    async def run(self, setup: Setup, arguments: JsonObject, report: Reporter | None = None) -> Outcome:
        reply, logs = await self._called(setup, channel.CALL, _encode(arguments).encode(), relay(report))
        return await outcomes.outcome(reply, setup, logs, self._isolation)

    async def discard(self, digest: str) -> None:
        """Nothing is kept of a bundle between its runs."""

    async def close(self) -> None:
        self._pool.close()
        await asyncio.gather(*self._endings.values())

    async def _ready(self, report: Reporter | None = None) -> None:
        if self._compiled is None:
            self._compiled = await self._components.ready(report)

    async def _called(
        self, setup: Setup, kind: int, payload: bytes, on_progress: OnProgress | None
    ) -> tuple[Reply, RunLogs]:
        _require(setup.program.bundle)
        await self._ready()
        order = _order(setup)
        for _ in range(_MAX_ATTEMPTS):
            process = await self._taken()
            is_kept = False
            try:
                reply, logs = await process.call(order, kind, payload, setup.limits, on_progress)
                is_kept = process.is_ready and process.run_count < _MAX_RUNS_OF_ONE
            finally:
                if is_kept:
                    self._pool.give_back(process)
                else:
                    self._pool.release(process)
            if not isinstance(reply, Lost) or reply.has_begun or reply.why == "closed":
                return reply, logs
        # The order has reached none of them, so nothing was done twice.
        raise SandboxUnavailable("WebAssembly workers end before they can be used. Try again later.")

    async def _taken(self) -> Process:
        try:
            return await self._pool.take(_ANY)
        except OSError as error:
            raise SandboxUnavailable(f"No WebAssembly worker can be started now: {error}. Try again later.") from error

    def _started(self, _kind: str, on_ready: Callable[[Process], None]) -> Process:
        if self._compiled is None:
            raise OSError("the component is not there")
        process = Process(self._compiled, on_ready)
        self._endings[process] = asyncio.get_running_loop().create_task(self._ended(process))
        return process

    async def _ended(self, process: Process) -> None:
        await process.ended()
        del self._endings[process]


def _require(bundle: Bundle) -> None:
    """Refuse by name what WebAssembly cannot do.

    Raises:
        SandboxUnavailable: this ToolSet cannot run here.
    """
    cannot = None
    if bundle.language != "python":
        cannot = f"run {bundle.language}, only Python"
    elif bundle.lock is not None and bundle.lock.packages:
        cannot = f"offer packages ({', '.join(package.name for package in bundle.lock.packages[:5])})"
    elif bundle.network != "off":
        cannot = "reach the network"
    if cannot is not None:
        raise SandboxUnavailable(
            f"'{bundle.toolset}' cannot run here: the WebAssembly sandbox cannot {cannot}."
            " Run the server where the kernel offers a sandbox, or choose another provider for this ToolSet."
        )


def _order(setup: Setup) -> bytes:
    program, limits = setup.program, setup.limits
    return _encode(
        {
            "code": program.code,
            "shown": program.shown,
            "entrypoint": program.entrypoint,
            "env": setup.env.variables,
            "timeout_s": limits.timeout_s,
            "cpu_s": limits.cpu_s,
            "memory_bytes": limits.memory_bytes,
            "log_bytes": limits.log_bytes,
            "output_bytes": limits.output_bytes,
        }
    ).encode()


_encode = json.JSONEncoder(separators=(",", ":")).encode
