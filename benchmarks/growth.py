"""What a call costs where there is much: 1,000 tools in its ToolSet, 100,000 keys, 1,000,000 runs; ends by itself.

Each large case is measured in turn with the small one beside it. On a quiet machine the ratio is what counts; on one
that others use too, the processor time of a call moves less.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import filling
import load
import messages
import servers
from cases import Case, Pair, measure_in_turn, print_pairs
from load import Request
from servers import TOOLSETS, Jinba, Server

LISTED = (100, 1000)
Asked = Mapping[str, tuple[Server, Request]]
"""By the protocol."""


def main() -> None:
    """Fill, measure, and print a table."""
    options = _parser().parse_args()
    began = time.monotonic()
    servers.begin()
    with ExitStack() as stack:
        pairs = [pair for pair in _pairs(stack, options) if options.only in pair.name]
        measure_in_turn(pairs, options.rounds, options.seconds)
    print_pairs(pairs, "small", "large")
    print(f"\n{options.connections} connections, {options.rounds} rounds of {options.seconds:g} s each, in turn.")
    print(f"It all took {time.monotonic() - began:.0f} s.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=int, default=1_000, help="in the large ToolSet, at most 1,000")
    parser.add_argument("--keys", type=int, default=100_000, help="0 leaves them out")
    parser.add_argument("--runs", type=int, default=1_000_000, help="0 leaves them out")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each case is measured in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    return parser


def _pairs(stack: ExitStack, options: argparse.Namespace) -> Iterator[Pair]:
    """Everything that is to be measured, running."""
    sides = [*_of_tools(stack, options.tools)]
    little = _calls(stack.enter_context(_filled()), "bench-tools")
    for what, count, fill in (("keys", options.keys, filling.fill_keys), ("runs", options.runs, _fill_runs)):
        if not count:
            continue
        much = stack.enter_context(_filled(partial(_fill, fill, count)))
        sides.append((f"a call, few and {count:,} {what}", little, _calls(much, "bench-tools")))
    for name, small, large in sides:
        for kind, (server, request) in small.items():
            more = Case(*large[kind], options.connections)
            yield Pair(f"{name}, {kind}".removesuffix(", "), Case(server, request, options.connections), more)


def _of_tools(stack: ExitStack, most: int) -> Iterator[tuple[str, Asked, Asked]]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jinba-bench-")))
    sizes = {1, most, *LISTED}
    for size in sizes:
        _write_toolset(folder / f"tools-{size}", size)
    ours = stack.enter_context(servers.jinba(toolsets=folder))
    sdk = {size: stack.enter_context(servers.bare("bare_sdk.py", TOOLS=str(size))) for size in sizes}
    tools = f"1 and {most:,} tools in the ToolSet"
    yield f"a call, {tools}", _calls(ours, "tools-1"), _calls(ours, f"tools-{most}")
    called = {size: _asked(sdk[size], messages.of_mcp("/mcp")) for size in (1, most)}
    yield f"the SDK: a call, 1 and {most:,} tools", called[1], called[most]
    few, many = LISTED
    lists = {size: _list(ours, f"{messages.PATH}/tools-{size}/mcp", ours.headers) for size in LISTED}
    sdk_lists = {size: _list(sdk[size], "/mcp", {}) for size in LISTED}
    for name, found in (("jinba", lists), ("the SDK", sdk_lists)):
        pages = f"{found[few][0]} and {found[many][0]} on the first page"
        yield f"{name}: tools/list of {few} and {many:,} tools ({pages})", found[few][1], found[many][1]


def _asked(server: Server, requests: Mapping[str, Request]) -> Asked:
    return {kind: (server, request) for kind, request in requests.items()}


def _calls(server: Jinba, toolset: str) -> Asked:
    return _asked(server, messages.ours(toolset, server.headers))


def _list(server: Server, path: str, headers: Mapping[str, str]) -> tuple[int, Asked]:
    """How many tools the first page has, and the call for it."""
    listing = partial(messages.listing, path, headers)
    count = len(load.ask(server.port, listing(0))["result"]["tools"])
    return count, {"": (server, listing(count))}


def _filled(prepare: Callable[[str], object] = lambda _url: None) -> AbstractContextManager[Jinba]:
    # All runs stay, so that what is measured is many runs, and not their removal.
    return servers.jinba(prepare=prepare, JINBA_RUN_RETENTION_COUNT="0")


def _fill(fill: Callable[[str, int], Coroutine[Any, Any, None]], count: int, url: str) -> None:
    asyncio.run(fill(url, count))


async def _fill_runs(url: str, count: int) -> None:
    await filling.fill_runs(url, await filling.organization_id(url, messages.ORGANIZATION), count)


def _write_toolset(folder: Path, size: int) -> None:
    """The tool `add`, and others before it in the alphabet."""
    model = TOOLSETS / "bench-tools"
    for name in ("add", *(f"a-{number:04}" for number in range(1, size))):
        shutil.copytree(model / "tools" / "add", folder / "tools" / name)
    shutil.copy(model / "toolset.yml", folder)


if __name__ == "__main__":
    main()
