"""Turns what a tool returned into plain JSON and, where it built some, content blocks; or says why that cannot be."""

import inspect
from collections.abc import Sequence
from typing import Any, NoReturn, TypeGuard

import pydantic_core
from pydantic import JsonValue, TypeAdapter, ValidationError

from jinba_mcp.domain import content
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import RunError
from jinba_mcp.sandbox import faults

_BLOCKS = (content.Text, content.Image, content.Audio, content.ResourceLink, content.EmbeddedResource)


class ResultUnusable(Exception):
    """Carries the error with which the run fails."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.error = RunError(name=name, message=faults.safe(message))


def converted(
    value: object, returns: TypeAdapter[Any] | None, max_bytes: int
) -> tuple[JsonValue, tuple[JsonObject, ...] | None]:
    """The output as JSON data and, for rich content, the blocks as they stand on the wire.

    `returns` is what the tool promised to return; data that does not fit it is refused, since clients check it too.
    `max_bytes` bounds the JSON text of the whole result.

    Raises:
        ResultUnusable: `OutputInvalid`, not JSON or not what was promised; `OutputLimit`, too long.
    """
    if isinstance(value, content.Content):
        return _rich(value.blocks, value.data, max_bytes)
    if isinstance(value, _BLOCKS):
        return _rich((value,), None, max_bytes)
    if _is_mixed(value):
        return _rich(_as_blocks(value), None, max_bytes)
    _refuse_early(value, max_bytes)
    if returns is not None:
        value = _promised(value, returns)
    return _json(value, max_bytes), None


def _rich(
    blocks: Sequence[content.Block], data: object, max_bytes: int
) -> tuple[JsonValue, tuple[JsonObject, ...] | None]:
    # Looked at before base64 makes a third more of it.
    if sum(map(_raw_length, blocks)) > max_bytes:
        _too_long(max_bytes)
    wired = _json([content.wire(block) for block in blocks], max_bytes)
    output = wired if data is None else _json(data, max_bytes)
    return output, tuple(wired)  # type: ignore[arg-type]  # a list of objects went in


def _raw_length(block: content.Block) -> int:
    if isinstance(block, content.Text):
        return len(block.text)
    if isinstance(block, content.Image | content.Audio):
        return len(block.data)
    if isinstance(block, content.EmbeddedResource):
        resource = block.resource
        return len(resource.text if isinstance(resource, content.TextResource) else resource.blob)
    return 0


def _is_mixed(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple) and any(isinstance(item, _BLOCKS) for item in value)


def _as_blocks(items: Sequence[object]) -> list[content.Block]:
    blocks: list[content.Block] = []
    for item in items:
        if isinstance(item, str):
            blocks.append(content.Text(text=item))
        elif isinstance(item, _BLOCKS):
            blocks.append(item)
        else:
            _invalid(
                f"A list of content blocks may hold blocks and strings, not {type(item).__name__}; "
                "put data into Content(blocks=…, data=…)."
            )
    return blocks


def _refuse_early(value: object, max_bytes: int) -> None:
    if isinstance(value, str | bytes | bytearray) and len(value) > max_bytes:
        _too_long(max_bytes)
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        # It may never end, and pydantic would go through it.
        _invalid(f"The tool returned {type(value).__name__}; return a list instead.")


def _promised(value: object, returns: TypeAdapter[Any]) -> object:
    try:
        fitting = returns.validate_python(value)
        return returns.dump_python(fitting, mode="json", by_alias=True, warnings="none", fallback=_unknown)
    except ValidationError as error:
        _invalid(f"The result does not fit the type that the tool promises: {faults.validation_message(error)}")
    except (ValueError, TypeError, RecursionError) as error:
        _invalid(f"The result is not JSON: {faults.message_of(error)}")


def _json(value: object, max_bytes: int) -> JsonValue:
    try:
        # Two steps, because only plain data keeps its NaNs: a model would silently write null for one.
        plain = pydantic_core.to_jsonable_python(value, by_alias=True, fallback=_unknown)
        raw = pydantic_core.to_json(plain)
    except (ValueError, TypeError, RecursionError) as error:
        _invalid(f"The result is not JSON: {faults.message_of(error)}")
    if len(raw) > max_bytes:
        _too_long(max_bytes)
    try:
        # Read back rather than kept: the tool may go on to change what it returned.
        read: JsonValue = pydantic_core.from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        _invalid(f"The result is not JSON (NaN, infinity, a number over 4,300 digits, or nesting over 200): {error}")
    return read


def _unknown(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} has no JSON form")


def _invalid(message: str) -> NoReturn:
    raise ResultUnusable("OutputInvalid", message)


def _too_long(max_bytes: int) -> NoReturn:
    raise ResultUnusable(
        "OutputLimit", f"The result is longer than {max_bytes} bytes of JSON. Return less, or in parts."
    )
