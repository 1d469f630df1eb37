"""Counts for Prometheus."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from jinba_mcp.domain.runs import Run, RunError, RunStatus
from jinba_mcp.faces.web import metrics as web_metrics
from jinba_mcp.faces.web.metrics import Metrics
from tests.runs import NOON, a_run


def ended_run(status: RunStatus = RunStatus.SUCCESS, **ending: Any) -> Run:
    return a_run(source="mcp").finished(status, at=NOON + timedelta(milliseconds=200), **ending)


def test_requests_are_counted_by_method_route_and_status() -> None:
    metrics = Metrics()
    metrics.request_started()
    metrics.request_started()
    metrics.request_ended("GET", "/v1/orgs/{org}", 200, 0.02)
    text = metrics.exposition().decode()
    assert 'jinba_http_requests_total{method="GET",route="/v1/orgs/{org}",status="200"} 1.0' in text
    assert 'jinba_http_request_duration_seconds_count{method="GET",route="/v1/orgs/{org}"} 1.0' in text
    assert "jinba_http_requests_in_flight 1.0" in text


def test_made_up_methods_share_one_label() -> None:
    metrics = Metrics()
    for method in ("BREW", "WHEN"):
        metrics.request_started()
        metrics.request_ended(method, "unmatched", 405, 0.01)
    assert 'method="OTHER",route="unmatched",status="405"} 2.0' in metrics.exposition().decode()


def test_runs_are_counted_and_timed() -> None:
    metrics = Metrics()
    metrics.observe_run(ended_run())
    refused = RunError(name="ArgumentsInvalid", message="")
    metrics.observe_run(ended_run(RunStatus.FAILED, error=refused))
    text = metrics.exposition().decode()
    assert 'jinba_runs_total{source="mcp",status="success"} 1.0' in text
    assert 'jinba_runs_total{source="mcp",status="failed"} 1.0' in text
    assert 'jinba_run_duration_seconds_sum{source="mcp"} 0.2' in text


def test_each_app_counts_for_itself() -> None:
    first, second = Metrics(), Metrics()
    first.observe_run(ended_run())
    assert "jinba_runs_total{" not in second.exposition().decode()


def test_what_a_process_was_doing_is_forgotten_with_it_and_what_it_did_is_not(tmp_path: Path) -> None:
    """The names of the files are prometheus_client's; `tests/resilience/test_workers.py` has real ones."""
    for name in ("gauge_livesum_7.db", "gauge_livesum_8.db", "counter_7.db"):
        (tmp_path / name).touch()
    web_metrics.forget(tmp_path, 7)
    assert {path.name for path in tmp_path.iterdir()} == {"gauge_livesum_8.db", "counter_7.db"}


def test_a_shared_folder_that_nobody_has_counted_in_shows_nothing(tmp_path: Path) -> None:
    assert Metrics(tmp_path).exposition() == b""
