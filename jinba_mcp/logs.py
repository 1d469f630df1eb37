"""Logging: fixed sentences with data beside them, as JSON or text, never arguments, results, tokens or env."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import IO, Literal

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
organization_id: ContextVar[str | None] = ContextVar("organization_id", default=None)
key_id: ContextVar[str | None] = ContextVar("key_id", default=None)
run_id: ContextVar[str | None] = ContextVar("run_id", default=None)
client_address: ContextVar[str | None] = ContextVar("client_address", default=None)
"""For the audit log; no log line has it."""

_BOUND = {"request_id": request_id, "organization_id": organization_id, "key_id": key_id, "run_id": run_id}
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


def _data(record: logging.LogRecord) -> dict[str, object]:
    data = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    for name, variable in _BOUND.items():
        if (value := variable.get()) is not None:
            data.setdefault(name, value)
    return data


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps({**entry, **_data(record)}, default=str)


class TextFormatter(logging.Formatter):
    """For people: time, level, sentence, data."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(sep=" ", timespec="milliseconds")
        data = " ".join(f"{name}={value}" for name, value in _data(record).items())
        line = f"{at[:23]} {record.levelname.lower():<7} {record.getMessage()}" + (f"  {data}" if data else "")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(level: str, form: Literal["text", "json"], stream: IO[str] | None = None) -> None:
    """Send every log line to `stream` (standard error unless given), and nowhere else."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("mcp", "uvicorn.access", "aiosqlite", "asyncio", "httpx2", "httpcore2", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
