"""Telling how far something is that takes longer than a glance: a bar on a terminal, a line for each stage elsewhere.

Both are on standard error, so that what a command answers stays alone on standard output.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from jinba_mcp.cli import output
from jinba_mcp.domain.progress import Reporter


@contextmanager
def telling(title: str) -> Iterator[Reporter]:
    """Tell of something while it goes on; it ends with the block, and a bar is gone then."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich import progress  # noqa: PLC0415  costs more than all of --help
    from rich.console import Console  # noqa: PLC0415  as above

    bar = progress.Progress(
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=24),
        progress.TimeElapsedColumn(),
        console=Console(file=sys.stderr, highlight=False),
        transient=True,
        # Streams are redirected for whole processes, and tools that print in this one have theirs already.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with bar:
        task = bar.add_task(output.printable(title), total=None)

        def report(done: float, total: float | None, message: str | None) -> None:
            said = output.shortened(output.printable(message or title))
            bar.update(task, completed=done, total=total, description=said)

        yield report


def _lines() -> Reporter:
    said: set[str] = set()

    def report(_done: float, _total: float | None, message: str | None) -> None:
        if message and message not in said:
            said.add(message)
            output.note(output.printable(message))

    return report
