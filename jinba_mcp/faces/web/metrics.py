"""Counts and durations for Prometheus, in a registry of each app's own."""

from functools import lru_cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from jinba_mcp.domain.runs import Run, RunSource, RunStatus

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
UNMATCHED = "unmatched"
"""The route of a request that none fits; raw paths are never labels, since anyone could make as many as they like."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """What this process has done since it started, or all those that count into one folder.

    Where they do, prometheus_client must have been imported with that folder in PROMETHEUS_MULTIPROC_DIR.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._registry = CollectorRegistry()
        if folder is None:
            ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "jinba_http_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._durations = Histogram(
            "jinba_http_request_duration_seconds",
            "From the first byte of a request's head to the last of its answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._in_flight = Gauge(
            "jinba_http_requests_in_flight",
            "Requests being answered now.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._runs = Counter("jinba_runs", "Runs that ended.", ["source", "status"], registry=self._registry)
        self._run_durations = Histogram(
            "jinba_run_duration_seconds",
            "How long runs took, refused ones left out.",
            ["source"],
            buckets=_SECONDS,
            registry=self._registry,
        )

        # There are few of each, and looking them up by their labels takes longer than counting.
        self._of_requests = lru_cache(maxsize=1_000)(self._request_series)
        self._of_runs = lru_cache(maxsize=100)(self._run_series)

    def request_started(self) -> None:
        self._in_flight.inc()

    def request_ended(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count one request under its route's template."""
        self._in_flight.dec()
        count, duration = self._of_requests(method if method in _METHODS else "OTHER", route, status)
        count.inc()
        duration.observe(duration_s)

    def observe_run(self, run: Run) -> None:
        """Count one run that has ended."""
        count, duration = self._of_runs(run.source, run.status)
        count.inc()
        duration_ms = run.duration_ms
        if duration_ms is not None and (run.error is None or run.error.name != "ArgumentsInvalid"):
            duration.observe(duration_ms / 1000)

    def _request_series(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(method, route, str(status)), self._durations.labels(method, route)

    def _run_series(self, source: RunSource, status: RunStatus) -> tuple[Counter, Histogram]:
        return self._runs.labels(source.value, status.value), self._run_durations.labels(source.value)

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format."""
        if self._folder is None:
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone, str(self._folder))  # type: ignore[no-untyped-call]  # prometheus_client's
        return generate_latest(everyone)


def forget(folder: Path, pid: int) -> None:
    """Take out of a shared folder what a process that has ended was doing; what it did stays counted."""
    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]  # prometheus_client's
