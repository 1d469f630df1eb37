"""Logging: a sentence with data beside it, for machines and for people."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextvars import copy_context
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from jinba_mcp import logs

Form = Literal["text", "json"]
Configured = Callable[..., io.StringIO]
NOISY = ("mcp", "uvicorn.access", "aiosqlite", "asyncio", "httpx2", "httpcore2", "alembic")

logger = logging.getLogger("jinba_mcp.made_up")


@pytest.fixture
def configured() -> Iterator[Configured]:
    """Configures logging as asked, into the text that it gives back; all is as before when the test ends."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in NOISY}
    for name in NOISY:
        # A server that ran in this process may have turned it off.
        logging.getLogger(name).propagate = True

    def configure(form: Form = "json", level: str = "debug") -> io.StringIO:
        stream = io.StringIO()
        logs.configure(level, form, stream)
        return stream

    yield configure
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, kept in levels.items():
        logging.getLogger(name).setLevel(kept)


def entries(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail() -> None:
    raise RuntimeError("broken")


def test_a_json_line_has_time_level_logger_sentence_and_data(configured: Configured) -> None:
    stream = configured()
    logger.info("run %s", "ended", extra={"event": "run.finished", "duration_ms": 7, "none": None})
    [entry] = entries(stream)
    at = datetime.fromisoformat(entry.pop("at"))
    assert at.tzinfo == UTC
    assert entry == {
        "level": "info",
        "logger": "jinba_mcp.made_up",
        "message": "run ended",
        "event": "run.finished",
        "duration_ms": 7,
        "none": None,
    }


def test_a_text_line_has_time_level_sentence_and_data(configured: Configured) -> None:
    stream = configured("text")
    record = logging.LogRecord("x", logging.WARNING, __file__, 1, "run %s", ("ended",), None)
    record.created = datetime(2026, 11, 21, 12, 30, 5, 250_000, tzinfo=UTC).timestamp()
    record.event = "run.finished"
    record.duration_ms = 7
    logging.getLogger("x").handle(record)
    assert stream.getvalue() == "2026-11-21 12:30:05.250 warning run ended  event=run.finished duration_ms=7\n"


def test_a_text_line_without_data_ends_with_the_sentence(configured: Configured) -> None:
    stream = configured("text")
    logger.error("all is lost")
    assert stream.getvalue().endswith(" error   all is lost\n")


@pytest.mark.parametrize("form", ["json", "text"])
def test_lines_carry_the_ids_of_what_is_being_done(configured: Configured, form: Form) -> None:
    stream = configured(form)

    def a_request() -> None:
        logs.request_id.set("req-1")
        logs.organization_id.set("org_1")
        logs.key_id.set("key_1")
        logs.run_id.set("run_1")
        logger.info("inside")

    copy_context().run(a_request)
    logger.info("outside")
    inside, outside = stream.getvalue().splitlines()
    assert all(found in inside for found in ("request_id", "req-1", "org_1", "key_1", "run_1"))
    assert not any(found in outside for found in ("request_id", "organization_id", "key_id", "run_id"))


def test_what_a_line_says_itself_goes_before_what_is_bound(configured: Configured) -> None:
    stream = configured()

    def a_run() -> None:
        logs.run_id.set("run_outer")
        logger.info("inside", extra={"run_id": "run_inner"})

    copy_context().run(a_run)
    assert entries(stream)[0]["run_id"] == "run_inner"


def test_an_exception_stands_in_one_json_line(configured: Configured) -> None:
    stream = configured()
    try:
        fail()
    except RuntimeError:
        logger.exception("failed", extra={"event": "request.failed"})
    [entry] = entries(stream)
    assert (entry["level"], entry["message"], entry["event"]) == ("error", "failed", "request.failed")
    assert entry["exception"].startswith("Traceback")
    assert entry["exception"].endswith("RuntimeError: broken")


def test_an_exception_follows_its_text_line(configured: Configured) -> None:
    stream = configured("text")
    try:
        fail()
    except RuntimeError:
        logger.exception("failed", extra={"event": "request.failed"})
    first, second, *_, last = stream.getvalue().splitlines()
    assert first.endswith("failed  event=request.failed")
    assert second.startswith("Traceback")
    assert last == "RuntimeError: broken"


def test_data_of_any_kind_is_written(configured: Configured) -> None:
    stream = configured()
    logger.info("odd", extra={"path": Path("/srv"), "failure": ValueError("no"), "text": 'a"b\nc'})
    [entry] = entries(stream)
    assert (entry["path"], entry["failure"], entry["text"]) == ("/srv", "no", 'a"b\nc')


def test_what_is_below_the_level_is_left_out(configured: Configured) -> None:
    stream = configured("json", "warning")
    logger.info("chatter")
    logger.warning("trouble")
    assert [entry["message"] for entry in entries(stream)] == ["trouble"]


@pytest.mark.parametrize("name", NOISY)
@pytest.mark.parametrize(("level", "least"), [("debug", "warning"), ("info", "warning"), ("error", "error")])
def test_libraries_only_speak_of_trouble(configured: Configured, name: str, level: str, least: str) -> None:
    stream = configured("json", level)
    for each in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger(name).log(each, "said")
    assert entries(stream)[0]["level"] == least


def test_configuring_again_replaces_what_was_before(configured: Configured) -> None:
    before, after = configured(), configured()
    logger.info("once")
    assert before.getvalue() == ""
    assert len(entries(after)) == 1


def test_without_a_stream_lines_go_to_standard_error_and_never_to_standard_output(
    configured: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output belongs to the protocol."""
    configured()
    logs.configure("info", "text")
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr
    logger.info("hello")
    shown = capsys.readouterr()
    assert "hello" in shown.err
    assert shown.out == ""
