"""Makes outcomes of what workers answer, and of how they ended when they did not."""

import asyncio
import json
import math
import re
import signal
from typing import Any

import pydantic_core

from jinba_mcp.domain.errors import ToolCodeInvalid
from jinba_mcp.domain.isolation import Isolation
from jinba_mcp.domain.runs import SHUT_DOWN, RunError, RunLogs
from jinba_mcp.sandbox import exceeded
from jinba_mcp.sandbox.engine import Limits, Outcome, OutcomeStatus, Program, Setup, Signature
from jinba_mcp.sandbox.guest import faults
from jinba_mcp.sandbox.local.replies import Lost, Reply

_LARGE_BYTES = 256 * 1024
_MAX_NAME_CHARS = 200
_MAX_TRACEBACK_CHARS = 32 * 1024
# As V8 and Rust, in which pydantic is written, say it before they end the process.
_OUT_OF_MEMORY = re.compile(r"# Fatal (?:JavaScript|process) out of memory|memory allocation of \d+ bytes failed")
_OWN_ENDINGS = (signal.SIGTRAP, signal.SIGILL, signal.SIGABRT, signal.SIGSEGV)
_DIGITS_ALIKE = bytes.maketrans(b"123456789E", b"000000000e")
_MAYBE_INFINITE = (b"0e000", b"0e+000", b"0" * 309)
"""What is in every number beyond a float, once all digits are alike. A regular expression takes ten times as long."""


class Nonsense(ValueError):
    """What a worker sent is not an answer."""


async def parsed(payload: bytes) -> dict[str, Any]:
    """The JSON object that a worker sent; long ones are read off the loop.

    Raises:
        Nonsense: it is none.
    """
    try:
        answer = await asyncio.to_thread(_read, payload) if len(payload) > _LARGE_BYTES else _read(payload)
    except (ValueError, RecursionError) as error:
        raise Nonsense(str(error)) from error
    if not isinstance(answer, dict):
        raise Nonsense("not an object")
    return answer


def _read(payload: bytes) -> Any:
    alike = payload.translate(_DIGITS_ALIKE)
    if any(sign in alike for sign in _MAYBE_INFINITE):
        # The fast parser makes infinity of 1e999, which nobody could write as JSON again.
        json.loads(payload, parse_float=_finite)
    return pydantic_core.from_json(payload, allow_inf_nan=False)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no number that a float can hold")
    return number


def is_success(reply: Reply) -> bool:
    """Whether the worker says that all went well, which is enough to keep it for another run."""
    return isinstance(reply, bytes) and reply.startswith(b'{"ok":true')


async def outcome(reply: Reply, setup: Setup, logs: RunLogs, isolation: Isolation) -> Outcome:
    """How the run of `setup` ended."""
    if isinstance(reply, Lost):
        return _lost(reply, setup, logs, isolation)
    try:
        answer = await parsed(reply)
        if answer.get("ok") is True and not _is_too_long(reply, answer, setup.limits):
            return Outcome(
                status=OutcomeStatus.SUCCESS,
                output=answer["output"],
                content=_content(answer.get("content")),
                error=None,
                logs=logs,
                isolation=isolation,
            )
        error = _error(answer, setup)
    except (Nonsense, KeyError) as nonsense:
        error = RunError(
            name="ProtocolError", message=f"'{setup.program.tool}' did not answer as a tool does: {nonsense}"
        )
    return Outcome(status=OutcomeStatus.FAILED, error=error, logs=logs, isolation=isolation)


async def signature(reply: Reply, program: Program, limits: Limits) -> Signature:
    """What the code says of itself.

    Raises:
        ToolCodeInvalid: it says nothing; the message says why, `line` and `column` where.
    """
    if isinstance(reply, Lost):
        found = _lost(reply, Setup(program, limits), RunLogs(), None).error
        raise ToolCodeInvalid(f"The code of '{program.tool}' cannot be read: {found.message if found else ''}")
    try:
        answer = await parsed(reply)
        if answer.get("fault") is not None:
            raise fault(answer)
        return Signature.model_validate(answer.get("signature"), strict=True)
    except ValueError as error:
        raise ToolCodeInvalid(f"The code of '{program.tool}' did not describe itself as a tool does.") from error


def fault(answer: dict[str, Any]) -> ToolCodeInvalid:
    """Why the code does not load, as the guest found it.

    Raises:
        Nonsense: it does not say so.
    """
    found = answer.get("fault")
    if not isinstance(found, dict) or not isinstance(found.get("message"), str):
        raise Nonsense("neither a result nor an error")
    place = {key: value for key in ("line", "column") if isinstance(value := found.get(key), int)}
    return ToolCodeInvalid(faults.safe(found["message"]), **place)


def _content(blocks: Any) -> tuple[dict[str, Any], ...] | None:
    if blocks is None:
        return None
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise Nonsense("its content is no list of blocks")
    return tuple(blocks)


def _is_too_long(reply: bytes, answer: dict[str, Any], limits: Limits) -> bool:
    """Whether a worker says more than it may: the honest ones look themselves."""
    if len(reply) <= limits.output_bytes:
        return False
    parts = (answer.get(name) for name in ("output", "content"))
    return any(len(pydantic_core.to_json(part)) > limits.output_bytes for part in parts)


def _error(answer: dict[str, Any], setup: Setup) -> RunError:
    if answer.get("ok") is True:
        return exceeded.output(setup.limits)
    error = answer.get("error")
    if error is None:
        return RunError(name="ToolCodeInvalid", message=fault(answer).message)
    if not isinstance(error, dict):
        raise Nonsense("neither a result nor an error")
    name, message, traceback = (error.get(key) for key in ("name", "message", "traceback"))
    if not isinstance(name, str) or not isinstance(message, str) or not isinstance(traceback, str | None):
        raise Nonsense("its error is none")
    limit = exceeded.behind(name, message, setup.program.tool, setup.limits)
    if limit is not None:
        name, message = limit.name, limit.message
    shown = None if traceback is None else _last_lines(traceback).replace("\0", "\\x00")
    return RunError(name=_short(name), message=faults.safe(message), traceback=shown)


def _last_lines(traceback: str) -> str:
    """Whole lines only: of one that is cut, the rest could be of a secret, and not known for it."""
    if len(traceback) <= _MAX_TRACEBACK_CHARS:
        return traceback
    return traceback[-_MAX_TRACEBACK_CHARS:].partition("\n")[2]


def _short(name: str) -> str:
    """The guest cuts it at the same length, and does not say so."""
    shown = faults.safe(name)
    return shown if len(shown) < _MAX_NAME_CHARS else shown[: _MAX_NAME_CHARS - 1] + "…"


def _lost(lost: Lost, setup: Setup, logs: RunLogs, isolation: Isolation | None) -> Outcome:
    limits, tool = setup.limits, setup.program.tool
    status = OutcomeStatus.TIMEOUT if lost.why == "timeout" else OutcomeStatus.FAILED
    if lost.why == "closed":
        error = SHUT_DOWN
    elif lost.why == "timeout":
        error = exceeded.timeout(tool, limits, was_loading=lost.was_loading)
    elif lost.why == "nonsense":
        error = RunError(name="ProtocolError", message=f"'{tool}' wrote what is no answer to where its answer goes.")
    elif lost.why == "cpu" or _is_out_of_cpu(lost, limits):
        error = exceeded.cpu(tool, limits)
    elif _is_out_of_memory(lost, logs):
        error = exceeded.memory(tool, limits)
    else:
        how = _how(lost.ended.status)
        error = RunError(name="WorkerDied", message=f"The process of '{tool}' ended {how} before it had answered.")
    return Outcome(status=status, error=error, logs=logs, isolation=isolation)


def _is_out_of_cpu(lost: Lost, limits: Limits) -> bool:
    status = lost.ended.status
    if status is None:
        return False
    ending = status & 0x7F  # as wait(2) has it: the signal, 0 for none
    return ending == signal.SIGXCPU or (ending == signal.SIGKILL and lost.ended.cpu_s >= limits.cpu_s)


def _is_out_of_memory(lost: Lost, logs: RunLogs) -> bool:
    """Native code says so itself, and ends the process: there is no other sign of it."""
    ending = (lost.ended.status or 0) & 0x7F
    return ending in _OWN_ENDINGS and any(map(_OUT_OF_MEMORY.match, logs.stderr))


def _how(status: int | None) -> str:
    if status is None:
        return "by itself"
    ending = status & 0x7F
    if not ending:
        return f"with exit status {status >> 8}"
    try:
        return f"by {signal.Signals(ending).name}"
    except ValueError:
        return f"by signal {ending}"
