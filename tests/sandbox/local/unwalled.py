"""An engine without any walls: what the self-test must not let pass."""

import asyncio
import json
import sys
from typing import cast

from pydantic import JsonValue

from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
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
from jinba_mcp.sandbox.local import escapes

_MAIN = """
import json, sys
given, scope = json.load(sys.stdin), {}
exec(compile(given['code'], given['file'], 'exec'), scope)
"""
_ANSWER = "print(json.dumps(scope['run'](**given['arguments'])))"


class UnwalledEngine:
    """Runs Python in an ordinary process, which begins with `begin`; `break_off` has it end without an answer."""

    name = "unwalled"

    def __init__(self, begin: str = "", *, break_off: bool = False) -> None:
        self.is_closed = False
        self.run_count = 0
        self._begin = begin
        self._break_off = break_off

    async def capabilities(self) -> Capabilities:
        isolation = Isolation(provider=self.name, tier="none", level=Level.NONE)
        return Capabilities(languages=("python",), isolation=isolation)

    async def prepare(self, bundle: Bundle, report: Reporter | None = None) -> None:
        pass

    async def describe(self, program: Program, limits: Limits) -> Signature:
        raise NotImplementedError

    async def arm(self, setup: Setup) -> None:
        pass

    async def run(self, setup: Setup, arguments: JsonObject, report: Reporter | None = None) -> Outcome:
        self.run_count += 1
        if self._break_off:
            return Outcome(status=OutcomeStatus.TIMEOUT)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-c",
            f"{self._begin}{_MAIN}{_ANSWER}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        told = {"code": setup.program.code, "file": escapes.__file__, "arguments": arguments}
        printed, _errors = await process.communicate(json.dumps(told).encode())
        return Outcome(status=OutcomeStatus.SUCCESS, output=cast("JsonValue", json.loads(printed)))

    async def discard(self, digest: str) -> None:
        pass

    async def close(self) -> None:
        self.is_closed = True
