"""Counts and durations for Prometheus, in a registry of each app's own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from jinba_mcp.domain.runs import Run

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
UNMATCHED = "unmatched"
"""The route of a request that none fits; raw paths are never labels, since anyone could make as many as they like."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """What this process has done since it started."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
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
            "jinba_http_requests_in_flight", "Requests being answered now.", registry=self._registry
        )
        self._runs = Counter("jinba_runs", "Runs that ended.", ["source", "status"], registry=self._registry)
        self._run_durations = Histogram(
            "jinba_run_duration_seconds",
            "How long runs took, refused ones left out.",
            ["source"],
            buckets=_SECONDS,
            registry=self._registry,
        )

    def request_started(self) -> None:
        self._in_flight.inc()

    def request_ended(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count one request under its route's template."""
        shown = method if method in _METHODS else "OTHER"
        self._in_flight.dec()
        self._requests.labels(shown, route, str(status)).inc()
        self._durations.labels(shown, route).observe(duration_s)

    def observe_run(self, run: Run) -> None:
        """Count one run that has ended."""
        self._runs.labels(run.source.value, run.status.value).inc()
        was_refused = run.error is not None and run.error.name == "ArgumentsInvalid"
        if run.duration_ms is not None and not was_refused:
            self._run_durations.labels(run.source.value).observe(run.duration_ms / 1000)

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
