"""How a running tool says how far it is."""

from jinba_mcp.domain.progress import reporter


def progress(done: float, total: float | None = None, message: str | None = None) -> None:
    """Tell a client that asked for it how far this run is; nothing happens when nobody asked.

    `done` must grow from call to call; `total`, where it is known, is in the same unit. Works from any thread that the
    run itself started.
    """
    report = reporter.get()
    if report is not None:
        report(done, total, message)
