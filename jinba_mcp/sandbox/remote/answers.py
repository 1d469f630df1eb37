"""Reads what a machine writes back for one run, as hostile bytes, and judges how the run ended."""

import asyncio
import base64
import binascii
import contextlib
import math
import signal
from typing import Any

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import MalformedBody, ToolCodeInvalid
from jinba_mcp.domain.isolation import Isolation
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import RunError
from jinba_mcp.sandbox import capture, exceeded
from jinba_mcp.sandbox.engine import Limits, Outcome, OutcomeStatus, Setup, Signature
from jinba_mcp.sandbox.guest import faults

_SLACK_BYTES = 1024 * 1024
"""What progress and the frames themselves may take."""


class _End(BaseModel):
    """The last frame."""

    limit: str | None
    signal: int | None
    code: int | None


class _Result(BaseModel):
    """The result frame, of a call or of a description."""

    ok: bool
    output: JsonValue = None
    content: tuple[JsonObject, ...] | None = None
    error: RunError | None = None
    signature: JsonObject | None = None
    fault: JsonObject | None = None


_PROGRESS = TypeAdapter(tuple[float, float | None, str | None])


class Answer:
    """The frames of one run, as they come in on the event loop."""

    def __init__(self, limits: Limits, report: Reporter | None = None) -> None:
        self.ended = asyncio.Event()
        """Set when the last frame is here, or when no further one will be believed."""
        self._limits = limits
        self._report = report
        self._output = capture.Output(limits.log_bytes)
        self._room = (limits.output_bytes + limits.log_bytes) * 3 + _SLACK_BYTES
        self._rest = bytearray()
        self._result: bytes | None = None
        self._end: _End | None = None
        self._fault: str | None = None
        self._is_cut_off = False

    def receive(self, data: bytes) -> None:
        """Take what the machine wrote to its standard output, in pieces of any size."""
        if self.ended.is_set():
            return
        self._room -= len(data)
        if self._room < 0:
            self._spoil("wrote more than all its limits together allow")
            return
        self._rest += data
        if b"\n" not in data:
            return
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            if not self.ended.is_set():
                self._read(bytes(line.rstrip(b"\r")))

    def cut_off(self) -> None:
        """Nothing more will come."""
        self._is_cut_off = not self.ended.is_set()
        self.ended.set()

    @property
    def is_sound(self) -> bool:
        """Whether the runner kept to the protocol to its end."""
        return self._end is not None and self._fault is None

    def outcome(self, setup: Setup, isolation: Isolation) -> Outcome:
        """How the run ended, from what has come in; call it once `ended` is set, or when the time is up."""
        status, error, result = self._judged(setup)
        return Outcome(
            status=status,
            output=result.output if result else None,
            content=result.content if result else None,
            error=error,
            logs=self._output.logs(),
            isolation=isolation,
        )

    def signature(self, tool: str) -> Signature:
        """What the code says of itself.

        Raises:
            ToolCodeInvalid: it does not load or has no schema, or the machine answered with nonsense.
        """
        result = self._parsed()
        if result is not None and result.ok and result.signature is not None:
            with contextlib.suppress(ValidationError):
                return Signature.model_validate(result.signature)
        if result is not None and result.fault is not None:
            raise _code_invalid(result.fault)
        if not self._is_cut_off and (self._end is None or self._end.limit == "timeout"):
            raise ToolCodeInvalid(f"The code of '{tool}' took longer than {self._limits.timeout_s:g} s to load.")
        raise ToolCodeInvalid(f"The code of '{tool}' ended the process that loaded it.")

    def _judged(self, setup: Setup) -> tuple[OutcomeStatus, RunError | None, _Result | None]:
        tool = setup.program.tool
        if self._fault is None and not self._is_cut_off and (self._end is None or self._end.limit == "timeout"):
            return OutcomeStatus.TIMEOUT, exceeded.timeout(tool, self._limits), None
        result = self._parsed()
        error = self._breakage(tool, result) or (None if result is None else self._named(tool, result))
        return OutcomeStatus.SUCCESS if error is None else OutcomeStatus.FAILED, error, None if error else result

    def _breakage(self, tool: str, result: _Result | None) -> RunError | None:
        if self._fault is not None:
            return RunError(name="ProtocolError", message=f"The process of '{tool}' {self._fault}.")
        if self._is_cut_off or self._end is None:
            message = f"The machine of '{tool}' went away before the result was here."
            return RunError(name="WorkerDied", message=message)
        if result is None and self._result is not None:
            return RunError(name="ProtocolError", message=f"The process of '{tool}' answered nonsense.")
        return self._death(tool, self._end) if result is None else None

    def _named(self, tool: str, result: _Result) -> RunError | None:
        if result.ok and len(self._result or b"") <= 2 * self._limits.output_bytes + _SLACK_BYTES:
            return None
        if result.ok:
            return exceeded.output(self._limits)
        if result.fault is not None:
            return RunError(name="ToolCodeInvalid", message=_code_invalid(result.fault).message)
        error = result.error or RunError(name="ProtocolError", message="The tool failed without saying how.")
        limit = exceeded.behind(error.name, error.message, tool, self._limits)
        return error if limit is None else limit.model_copy(update={"traceback": error.traceback})

    def _death(self, tool: str, end: _End) -> RunError:
        if end.limit == "cpu" or end.signal == signal.SIGXCPU:
            return exceeded.cpu(tool, self._limits)
        if end.limit == "memory":
            return exceeded.memory(tool, self._limits)
        how = f"by signal {end.signal}" if end.signal else f"with exit code {end.code}, before it gave a result"
        return RunError(name="WorkerDied", message=f"The process of '{tool}' ended {how}.")

    def _parsed(self) -> _Result | None:
        if self._result is None:
            return None
        try:
            return _Result.model_validate(json_values.parse(self._result))
        except (MalformedBody, ValidationError, RecursionError):
            return None

    def _read(self, line: bytes) -> None:
        kind, _, payload = line.partition(b" ")
        try:
            if kind == b"O":
                self._output.stream("stdout").write_bytes(base64.b64decode(payload))
            elif kind == b"E":
                self._output.stream("stderr").write_bytes(base64.b64decode(payload))
            elif kind == b"P":
                self._progress(payload)
            elif kind == b"R":
                self._result = base64.b64decode(payload)
            elif kind == b"X":
                self._end = _End.model_validate_json(payload)
                self.ended.set()
        except (binascii.Error, ValidationError):
            self._spoil("answered nonsense")

    def _progress(self, payload: bytes) -> None:
        done, total, message = _PROGRESS.validate_json(payload)
        if self._report is not None and math.isfinite(done) and (total is None or math.isfinite(total)):
            self._report(done, total, message and faults.safe(message))

    def _spoil(self, fault: str) -> None:
        self._fault = fault
        self._rest = bytearray()
        self.ended.set()


def _code_invalid(fault: dict[str, Any]) -> ToolCodeInvalid:
    where = {key: fault[key] for key in ("line", "column") if isinstance(fault.get(key), int)}
    return ToolCodeInvalid(faults.safe(str(fault.get("message"))), **where)
