"""How often a call is made that has reached no worker yet."""

import asyncio
import time

from jinba_mcp.domain.errors import SandboxUnavailable

MAX_FAULTS = 3
_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.25


class Attempts:
    """Those of one call: as many as there are faults of its own to be patient with, and those that were killed.

    What is killed from outside is no fault of the call: it is made again until `patience_s` are over, at growing
    intervals.
    """

    def __init__(self, patience_s: float) -> None:
        self._deadline = time.monotonic() + patience_s
        self._count = 0
        self._fault_count = 0

    async def failed(self, why: str, *, is_its_own_fault: bool) -> None:
        """One more has; return when the next one may be made.

        Raises:
            SandboxUnavailable: there is to be none; with `why`.
        """
        self._count += 1
        self._fault_count += is_its_own_fault
        is_late = self._count >= MAX_FAULTS and time.monotonic() >= self._deadline
        if is_late or self._fault_count >= MAX_FAULTS:
            raise SandboxUnavailable(f"No sandbox can be started {why}")
        # The first is made again at once: mostly only its zygote had died.
        await asyncio.sleep(min(_PAUSE_S * (self._count - 1), _LONGEST_PAUSE_S))
