"""Progress: reported to whoever set the reporter around this run, and to nobody else."""

from contextvars import copy_context

from jinba_mcp.domain.progress import reporter


def test_nobody_listens_unless_an_engine_says_so() -> None:
    assert copy_context().run(reporter.get) is None


def test_a_reporter_is_heard_in_its_own_run_only() -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    def a_run() -> None:
        reporter.set(lambda done, total, note: heard.append((done, total, note)))
        report = reporter.get()
        assert report is not None
        report(1, 2, "half")

    copy_context().run(a_run)
    assert heard == [(1, 2, "half")]
    assert reporter.get() is None
