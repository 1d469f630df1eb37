"""Keeping: what of a run goes on record, and for how long.

Secrets are taken out first, and what is too long is cut after that. The caller of a run is answered with all of it; the
record says which of its parts hold less.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

from pydantic import JsonValue

from jinba_mcp.domain import json_values
from jinba_mcp.domain.masking import masked_error, masked_logs, masker
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.redaction import SecretFields, masked_texts, pattern_masker
from jinba_mcp.domain.retention import Retention
from jinba_mcp.domain.runs import Run, RunError, RunLogs, RunPart

Mask = Callable[[str], str]

_ENDED_WITH = (RunPart.OUTPUT, RunPart.CONTENT, RunPart.ERROR, RunPart.LOGS)
_ERROR_CHARACTERS = 16_384
"""Of an error's message and of its traceback, each."""
_ERROR_NAME_CHARACTERS = 200


class Keeping(Record):
    """How much of each part of a run is kept, in bytes of JSON or text, about; and what is redacted everywhere."""

    input_bytes: int = 256 * 1024
    output_bytes: int = 256 * 1024
    """Also of the content blocks."""
    log_bytes: int = 256 * 1024
    """Of each of the two streams."""
    patterns: tuple[str, ...] = ()
    """In RE2's syntax."""
    max_age: timedelta | None = None
    """None keeps runs for ever."""
    max_count: int | None = None
    """Of each organization; None keeps all."""

    def within(self, own: Retention) -> "Keeping":
        """The same for an organization that has said this: it may keep less, and never more."""
        ages = (self.max_age, None if own.days is None else timedelta(days=own.days))
        counts = (self.max_count, own.count)
        return self.model_copy(
            update={
                "max_age": min((age for age in ages if age is not None), default=None),
                "max_count": min((count for count in counts if count is not None), default=None),
            }
        )


@dataclass(frozen=True)
class KeptRun:
    """The record of a run that has begun, and what its end will be kept by."""

    run: Run
    _keeping: Keeping
    _mask: Mask
    _has_masks: bool
    _output: SecretFields | None

    def ended(self, whole: Run) -> Run:
        """The record of the same run once it has ended; `whole` is what its caller gets."""
        clean = self._redacted(whole)
        cut = _truncated(clean, self._keeping)
        # As nearly always: there is nothing to take out, and all of it is kept.
        if cut is whole and cut.input is self.run.input:
            return cut
        redacted = self.run.redacted + _differing(whole, clean)
        truncated = self.run.truncated + _differing(clean, cut)
        return cut.model_copy(update={"input": self.run.input, "redacted": redacted, "truncated": truncated})

    def _redacted(self, run: Run) -> Run:
        if self._output is None and not self._has_masks:
            return run
        output = run.output if self._output is None else self._output.redacted(run.output)[0]
        if not self._has_masks:
            return run.model_copy(update={"output": output})
        content = None if run.content is None else tuple(masked_texts(block, self._mask) for block in run.content)
        return run.model_copy(
            update={
                "output": masked_texts(output, self._mask),
                "content": content,
                "error": None if run.error is None else masked_error(run.error, self._mask),
                "logs": masked_logs(run.logs, self._mask),
            }
        )


class Keeper:
    """Makes records of runs by the operator's `Keeping`."""

    def __init__(self, keeping: Keeping) -> None:
        """Compile the patterns.

        Raises:
            Invalid: one of them cannot be used.
        """
        self.keeping = keeping
        self._patterns = pattern_masker(keeping.patterns)

    def begun(self, whole: Run, secret_input: SecretFields | None, secret_output: SecretFields | None) -> KeptRun:
        """The record of a run that begins; a secret of its input is masked in all that it leaves behind as well."""
        # As nearly always: nothing to take out, and all of it is kept.
        if secret_input is None and not self.keeping.patterns and _fits(whole.input, self.keeping.input_bytes):
            return KeptRun(whole, self.keeping, self._patterns, _has_masks=False, _output=secret_output)
        given, secrets = (whole.input, []) if secret_input is None else secret_input.redacted(whole.input)
        mask, has_masks = self._patterns, bool(self.keeping.patterns or secrets)
        if secrets:
            mask = _one_after_the_other(masker(secrets), self._patterns)
        masked = masked_texts(given, mask) if has_masks else given
        # A schema that marks the whole of the arguments leaves none.
        masked_input: JsonObject = masked if isinstance(masked, dict) else {}
        cut = shortened(masked_input, self.keeping.input_bytes)
        marks = {
            "redacted": (RunPart.INPUT,) if masked_input != whole.input else (),
            "truncated": (RunPart.INPUT,) if cut != masked_input else (),
        }
        run = whole if cut is whole.input else whole.model_copy(update={"input": cut, **marks})
        return KeptRun(run, self.keeping, mask, has_masks, secret_output)


def shortened(value: JsonValue, max_bytes: int) -> JsonValue:
    """The value itself if its JSON has at most `max_bytes`; else what comes first in it, of the same type."""
    return value if _fits(value, max_bytes) else _Scissors(max_bytes).cut(value)


def _fits(value: JsonValue, max_bytes: int) -> bool:
    return len(json_values.written(value)) <= max_bytes


class _Scissors:
    """Goes through a value until so many bytes are used up."""

    def __init__(self, left_bytes: int) -> None:
        self._left = left_bytes

    def cut(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            piece = _beginning(value, self._left)
            self._left -= len(piece.encode()) + len('"",')
            return piece
        if isinstance(value, dict):
            self._left -= len("{}")
            return {name: self.cut(item) for name, item in value.items() if self._has_room_for(name)}
        if isinstance(value, list):
            self._left -= len("[]")
            return [self.cut(item) for item in value if self._left > 0]
        self._left -= len(json_values.written(value)) + len(",")
        return value

    def _has_room_for(self, name: str) -> bool:
        self._left -= len(name.encode()) + len('"":')
        return self._left > 0


def _beginning(text: str, max_bytes: int) -> str:
    return text.encode()[: max(0, max_bytes)].decode(errors="ignore")


def _one_after_the_other(first: Mask, second: Mask) -> Mask:
    return lambda text: second(first(text))


def _differing(one: Run, other: Run) -> tuple[RunPart, ...]:
    if one is other:
        return ()
    return tuple(part for part in _ENDED_WITH if getattr(one, part) != getattr(other, part))


def _truncated(run: Run, keeping: Keeping) -> Run:
    changes: dict[str, object] = {}
    output = shortened(run.output, keeping.output_bytes)
    if output is not run.output:
        changes["output"] = output
    if run.content is not None:
        changes["content"] = _shortened_content(run.content, keeping.output_bytes)
    if run.error is not None:
        changes["error"] = _shortened_error(run.error)
    if run.logs.stdout or run.logs.stderr:
        changes["logs"] = RunLogs(
            stdout=_shortened_lines(run.logs.stdout, keeping.log_bytes),
            stderr=_shortened_lines(run.logs.stderr, keeping.log_bytes),
        )
    return run.model_copy(update=changes) if changes else run


def _shortened_content(blocks: tuple[JsonObject, ...], max_bytes: int) -> tuple[JsonObject, ...]:
    """The first blocks that fit together: half a picture is of no use."""
    sizes = accumulate(len(json_values.written(block)) for block in blocks)
    return tuple(block for block, size in zip(blocks, sizes, strict=True) if size <= max_bytes)


def _shortened_error(error: RunError) -> RunError:
    traceback = None if error.traceback is None else error.traceback[-_ERROR_CHARACTERS:]
    name, message = error.name[:_ERROR_NAME_CHARACTERS], error.message[:_ERROR_CHARACTERS]
    return RunError(name=name, message=message, traceback=traceback)


def _shortened_lines(lines: tuple[str, ...], max_bytes: int) -> tuple[str, ...]:
    text = "\n".join(lines)
    if len(text.encode()) <= max_bytes:
        return lines
    return tuple(_beginning(text, max_bytes).split("\n"))
