"""How a running tool says how far it is."""

from jinba_mcp.domain.progress import reporter


def progress(done: float, total: float | None = None, message: str | None = None) -> None:
    """Tell a client that asked for it how far this run is; nothing happens when nobody asked.

    `done` must grow from call to call; `total`, where it is known, is in the same unit. Works in the run's own thread,
    its tasks and what `asyncio.to_thread` starts; a plain `threading.Thread` knows nothing of the run (Python 3.11).
    """
    report = reporter.get()
    if report is not None:
        report(done, total, message)
