"""Minutes at four fifths of the highest rate: errors, latencies by the minute, memory, and whether all is on record.

First the highest rate is measured. Then calls are due at even distances, and their latency counts from when they were
due; exits 1 if an answer was wrong or a call is not on record.
"""

import argparse
import asyncio
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import filling
import load
import messages
import servers
from load import Result
from servers import Jinba

TOP_ROUNDS = 3


@dataclass(frozen=True)
class Minute:
    """What came of a minute, and the server's resident memory at its end."""

    result: Result
    memory_mb: float


def main() -> None:
    """Measure, print a table, exit 1 if anything was wrong."""
    options = _parser().parse_args()
    servers.begin()
    # Runs of all the minutes stay, to be counted.
    with servers.jinba(options.postgres or "", JINBA_RUN_RETENTION_COUNT="0") as server:
        before = asyncio.run(filling.count_runs(server.database_url))
        fastest = [_loaded(server, options, options.top_seconds) for _ in range(TOP_ROUNDS)]
        top = statistics.median(result.per_second for result in fastest)
        memory_mb = server.memory_mb()
        print(f"At most {top:,.0f} calls/s of {options.kind}, {options.connections} connections; {memory_mb:.1f} MB.\n")
        print(
            "| minute | calls/s | p50 ms | p99 ms | p99 / p50 | slowest ms | wrong | unsent | MB | CPU share |",
            flush=True,
        )
        print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
        minutes = [
            _minute(server, options, top * options.share, number) for number in range(1, round(options.minutes) + 1)
        ]
        after = asyncio.run(filling.count_runs(server.database_url))
    results = [*fastest, *(minute.result for minute in minutes)]
    _print_memory(memory_mb, [minute.memory_mb for minute in minutes], sum(result.count for result in results))
    sys.exit(0 if _is_whole(results, before, after) else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--share", type=float, default=0.8, help="of the highest rate")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--kind", choices=messages.KINDS, default=messages.KINDS[0])
    parser.add_argument(
        "--top-seconds", type=float, default=10.0, help="how long the highest rate is looked for, thrice"
    )
    parser.add_argument("--postgres", help="on this PostgreSQL database, which must be empty")
    return parser


def _loaded(server: Jinba, options: argparse.Namespace, seconds: float, per_second: float | None = None) -> Result:
    request = messages.ours("bench-tools", server.headers)[options.kind]
    return load.measure(server.port, request, connections=options.connections, seconds=seconds, per_second=per_second)


def _minute(server: Jinba, options: argparse.Namespace, per_second: float, number: int) -> Minute:
    before = server.cpu_s()
    result = _loaded(server, options, 60.0, per_second)
    minute = Minute(result, server.memory_mb())
    p50, p99 = result.percentile_ms(0.5), result.percentile_ms(0.99)
    cells = [
        f"{result.per_second:,.0f}",
        f"{p50:.2f}",
        f"{p99:.2f}",
        f"{p99 / (p50 or 1.0):.1f}",
        f"{result.percentile_ms(1.0):.0f}",
        f"{result.wrong_count:,}",
        f"{result.unsent_count:,}",
        f"{minute.memory_mb:.1f}",
        f"{(server.cpu_s() - before) / result.seconds:.0%}",
    ]
    print(f"| {number} | {' | '.join(cells)} |", flush=True)
    return minute


def _print_memory(before_mb: float, by_minute: Sequence[float], call_count: int) -> None:
    moments = {"beginning": before_mb, "middle": by_minute[len(by_minute) // 2], "end": by_minute[-1]}
    told = ", ".join(f"{name} {memory_mb:.1f} MB" for name, memory_mb in moments.items())
    print(f"\nMemory after {call_count:,} calls: {told}.")


def _is_whole(results: Sequence[Result], before: dict[str, int], after: dict[str, int]) -> bool:
    """Whether every answer was right, and every call that was made is on record as what it was answered with."""
    call_count, wrong_count = sum(result.count for result in results), sum(result.wrong_count for result in results)
    recorded = after.get("success", 0) - before.get("success", 0)
    others = {status: count for status, count in after.items() if status != "success" and count}
    print(
        f"{call_count:,} calls answered, {wrong_count:,} wrong; {recorded:,} on record as successes, others: {others}."
    )
    for sample in (result.sample for result in results if result.wrong_count):
        print(f"WRONG: {sample.decode(errors='replace')}")
    if recorded != call_count:
        print(f"WRONG: {call_count - recorded:,} calls are not on record.")
    return not wrong_count and recorded == call_count and not others


if __name__ == "__main__":
    main()
