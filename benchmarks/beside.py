"""Two states of the code in one run: that of another checkout, such as a worktree of an older commit, and this one."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import messages
import servers
from cases import Case, Pair, measure_in_turn, print_pairs

HERE = Path(__file__).parent.parent


def main() -> None:
    """Measure in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="the other checkout; it runs with what is installed for this one")
    parser.add_argument("--connections", type=int, nargs="+", default=(1, 16, 64))
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each case is measured in each round")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if not (options.other / "jinba_mcp").is_dir():
        parser.error(f"{options.other} is no checkout of this project")
    servers.begin()
    with ExitStack() as stack:
        before, after = (
            stack.enter_context(servers.jinba(PYTHONPATH=str(tree.absolute()))) for tree in (options.other, HERE)
        )
        pairs = list(_pairs(before, after, options.connections))
        measure_in_turn(pairs, options.rounds, options.seconds)
    print_pairs(pairs, "before", "after")


def _pairs(before: servers.Jinba, after: servers.Jinba, connections: Sequence[int]) -> list[Pair]:
    ways = {"": "add-plain", ", read-only": "add"}
    return [
        Pair(f"{count} connections, {kind}{said}", *(_case(server, tool, kind, count) for server in (before, after)))
        for count in connections
        for said, tool in ways.items()
        for kind in messages.KINDS
    ]


def _case(server: servers.Jinba, tool: str, kind: str, connections: int) -> Case:
    return Case(server, messages.ours("bench-tools", server.headers, tool)[kind], connections)


if __name__ == "__main__":
    main()
