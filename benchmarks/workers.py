"""What a second worker brings: `serve --workers 2` and `serve`, both on all cores, which the load generator shares."""

import argparse
from contextlib import ExitStack

import messages
import servers
from cases import Case, Pair, measure_in_turn, print_pairs


def main() -> None:
    """Measure in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each case is measured in each round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    servers.begin(core=None)
    with ExitStack() as stack:
        one, other = (
            _cases(stack.enter_context(servers.jinba(core=None, JINBA_WORKERS=str(count))), options.connections)
            for count in (1, options.workers)
        )
        pairs = [Pair(kind, one[kind], other[kind]) for kind in messages.KINDS]
        measure_in_turn(pairs, options.rounds, options.seconds)
    print_pairs(pairs, "1 worker", f"{options.workers} workers")
    busy = max(case.busy_share for pair in pairs for case in (pair.one, pair.other))
    print(f"\n{options.connections} connections; the load generator used up to {busy:.0%} of a core of the same.")


def _cases(server: servers.Jinba, connections: int) -> dict[str, Case]:
    """A call in each protocol."""
    requests = messages.ours("bench-tools", server.headers)
    return {kind: Case(server, request, connections) for kind, request in requests.items()}


if __name__ == "__main__":
    main()
