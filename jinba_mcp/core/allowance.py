"""The allowance: what runs may use, between what a ToolSet wishes and what the operator permits."""

from typing import TypeVar

from jinba_mcp.domain.records import Record
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.sandbox.engine import Limits

N = TypeVar("N", int, float)

_KB = 1024
_MB = 1024 * 1024


class Allowance(Record):
    """`defaults` hold where a ToolSet wishes nothing; no wish goes over `ceilings`."""

    defaults: Limits = Limits()
    ceilings: Limits = Limits(
        timeout_s=900,
        cpu_s=900,
        memory_bytes=2048 * _MB,
        process_count=128,
        tmp_bytes=1024 * _MB,
        output_bytes=64 * _MB,
        log_bytes=16 * _MB,
    )

    def limits(self, wish: Sandbox) -> Limits:
        """What one run may use."""
        default, ceiling = self.defaults, self.ceilings
        timeout_s = _within(wish.timeout_s, default.timeout_s, ceiling.timeout_s)
        return Limits(
            timeout_s=timeout_s,
            # Who asks for more time asks for the processor as well, unless it says otherwise.
            cpu_s=_within(wish.cpu_s, max(default.cpu_s, timeout_s), ceiling.cpu_s),
            memory_bytes=_within(_times(wish.memory_mb, _MB), default.memory_bytes, ceiling.memory_bytes),
            process_count=_within(wish.process_count, default.process_count, ceiling.process_count),
            tmp_bytes=_within(_times(wish.tmp_mb, _MB), default.tmp_bytes, ceiling.tmp_bytes),
            output_bytes=_within(_times(wish.output_kb, _KB), default.output_bytes, ceiling.output_bytes),
            log_bytes=_within(_times(wish.log_kb, _KB), default.log_bytes, ceiling.log_bytes),
        )


def _within(wish: N | None, default: N, ceiling: N) -> N:
    return min(default if wish is None else wish, ceiling)


def _times(wish: int | None, unit: int) -> int | None:
    return None if wish is None else wish * unit
