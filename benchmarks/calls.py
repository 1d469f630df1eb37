"""Calls per second of one server process beside other servers, in one run: `make bench`, `make bench-quick`.

Each server has the first core, the load generator the second, where there are two. Ours runs with all checks and
records; what the others do is said below the table. Read the ratios: machines differ and are shared.
"""

import argparse
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import load
import messages
import servers
from cases import Case
from load import Request
from peers import PEERS, Peer
from servers import Jinba, NotStarted, Server

CONNECTIONS = (1, 16, 64)
YARDSTICK = "bare Starlette"
BUSY = 0.9
"""The share of its core above which the load generator itself may be what was measured."""
PROBE_S = 0.3
Opened = tuple[Server, Mapping[str, Request]]


@dataclass(frozen=True)
class Row:
    """One kind of call to one server, by the number of connections."""

    name: str
    cases: Mapping[int, Case]


def main() -> None:
    """Measure, and print a table."""
    options = _parser().parse_args()
    began = time.monotonic()
    servers.begin()
    notes: list[str] = []
    with ExitStack() as stack:
        rows = list(_rows(stack, options, notes))
        for _ in range(options.rounds):
            for connections in options.connections:
                for row in rows:
                    row.cases[connections].measure(options.seconds)
    _print(rows, options.connections)
    for note in (*notes, *_remarks(rows)):
        print(f"* {' '.join(note.split())}")
    print(f"\nMedians of {options.rounds} rounds of {options.seconds:g} s; all took {time.monotonic() - began:.0f} s.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each row is measured in each round")
    parser.add_argument("--rounds", type=int, default=3, help="how often all rows are measured in turn")
    parser.add_argument("--postgres", help="also measure on this PostgreSQL database, which must be empty")
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    parser.add_argument("--no-peers", action="store_true", help="no servers that have to be installed first")
    parser.add_argument("--only", default="", help="rows whose name has this in it, and bare Starlette")
    return parser


def _rows(stack: ExitStack, options: argparse.Namespace, notes: list[str]) -> Iterator[Row]:
    """Everything that is to be measured, running; peers that do not run are noted and left out."""
    for peer in _peers(options):
        try:
            server, requests = stack.enter_context(peer.running())
        except (NotStarted, OSError, ValueError, subprocess.SubprocessError) as error:
            if peer not in PEERS:
                raise
            notes.append(f"{peer.name} is left out: {error}")
            continue
        notes.append(f"{peer.name}: {peer.does}.")
        for kind, request in requests.items():
            name = f"{peer.name}, {kind}".removesuffix(", ")
            if name != YARDSTICK and options.only not in name:
                continue
            probe = load.measure(server.port, request, connections=1, seconds=PROBE_S)
            if probe.wrong_count or not probe.count:
                notes.append(f"{name} is left out, since it answered: {probe.sample.decode(errors='replace')}")
            else:
                yield Row(name, {count: Case(server, request, count) for count in options.connections})


def _peers(options: argparse.Namespace) -> Iterator[Peer]:
    yield Peer(YARDSTICK, "parses the call, adds, answers", _starlette)
    yield Peer("SDK", "the low-level server, with the look-up of input schemas; no keys, no records", _sdk)
    if not options.no_peers:
        yield from PEERS
    databases = {"SQLite": ""} | ({"PostgreSQL": options.postgres} if options.postgres else {})
    for name, url in databases.items():
        does = "a key, a scope, a schema, and two durable records a call"
        yield Peer(f"jinba on {name}", does, partial(_ours, url))


@contextmanager
def _starlette() -> Iterator[Opened]:
    with servers.bare("bare_starlette.py") as server:
        yield server, {"": messages.legacy("/mcp", {})}


@contextmanager
def _sdk() -> Iterator[Opened]:
    with servers.bare("bare_sdk.py") as server:
        yield server, messages.of_mcp("/mcp")


@contextmanager
def _ours(url: str) -> Iterator[Opened]:
    with servers.jinba(url) as server:
        yield server, _requests(server)


def _requests(server: Jinba) -> Mapping[str, Request]:
    kinds = {
        "in process, read-only": ("bench-tools", "add"),
        "in process": ("bench-tools", "add-plain"),
        "sandbox, used again": ("bench-reuse", "add"),
        "sandbox, one shot": ("bench-one-shot", "add"),
    }
    return {
        f"{where}, {kind}": request
        for where, (toolset, tool) in kinds.items()
        for kind, request in messages.ours(toolset, server.headers, tool).items()
    }


def _print(rows: Sequence[Row], connections: Sequence[int]) -> None:
    print("| connections | what | calls/s | of Starlette | p50 ms | p99 ms | CPU µs | by CPU | MB | wrong |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    yardstick = next(row for row in rows if row.name == YARDSTICK)
    for count in connections:
        bare = yardstick.cases[count]
        for row in rows:
            case = row.cases[count]
            cells = [
                f"{case.per_second:,.0f}",
                f"{case.ratio_to(bare):.3f}",
                f"{case.percentile_ms(0.5):.2f}",
                f"{case.percentile_ms(0.99):.2f}",
                f"{case.cpu_us:,.0f}",
                f"{bare.cpu_us / (case.cpu_us or 1.0):.3f}",
                f"{case.memory_mb:.0f}",
                f"{case.wrong_count:,}",
            ]
            print(f"| {count} | {row.name} | {' | '.join(cells)} |")
    print()


def _remarks(rows: Sequence[Row]) -> Iterator[str]:
    share, name = max((case.busy_share, row.name) for row in rows for case in row.cases.values())
    said = "too much: it may itself be what was measured there" if share > BUSY else "so it had time to spare"
    yield f"The load generator used at most {share:.0%} of its core (at {name}), {said}."
    for row in rows:
        for sample in (sample for case in row.cases.values() for sample in case.samples()):
            yield f"A wrong answer of {row.name}: {sample}"


if __name__ == "__main__":
    main()
