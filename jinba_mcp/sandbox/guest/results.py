"""Turns what a tool returned into JSON text and, where it built some, content blocks; or says why that cannot be."""

import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from . import faults, plain
from .describe import Promise
from .plain import Odd

_BLOCKS = ("Text", "Image", "Audio", "ResourceLink", "EmbeddedResource")
_LIMITS = "NaN, infinity, a number over 4,300 digits, half of a surrogate pair, or nesting over 200"


class Unusable(Exception):
    """A result that cannot leave; `name` and `message` are those of the error with which the run fails."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = faults.safe(message)


def converted(value: Any, promise: Promise | None, max_bytes: int) -> tuple[bytes, bytes | None]:
    """The output as UTF-8 JSON and, for rich content, the list of blocks as it stands on the wire.

    `max_bytes` bounds each of the two.

    Raises:
        Unusable: `OutputInvalid`, not JSON or not what was promised; `OutputLimit`, too long.
    """
    if promise is None and plain.is_plain(value, max_bytes):
        return _written(value, max_bytes), None
    content = sys.modules.get("jinba_mcp.domain.content")
    if content is not None:
        data, blocks = _rich(value, content)
        if blocks is not None:
            return _blocks(blocks, data, content, max_bytes)
    _refuse_early(value, max_bytes)
    return _json(value if promise is None else _kept(value, promise, max_bytes), max_bytes), None


def _rich(value: Any, content: Any) -> tuple[Any, list[Any] | None]:
    """Data and blocks of what a tool returned, or no blocks. By type, because an object may lie about its class."""
    kinds = tuple(getattr(content, name) for name in _BLOCKS)
    if issubclass(type(value), content.Content):
        return value.data, list(value.blocks)
    if issubclass(type(value), kinds):
        return None, [value]
    if issubclass(type(value), list | tuple) and any(issubclass(type(item), kinds) for item in value):
        return None, [_block(item, kinds, content) for item in value]
    return None, None


def _block(item: Any, kinds: tuple[type, ...], content: Any) -> Any:
    if issubclass(type(item), str):
        return content.Text(text=item)
    if not issubclass(type(item), kinds):
        _invalid(
            f"A list of content blocks may hold blocks and strings, not {type(item).__name__}; "
            "put data into Content(blocks=…, data=…)."
        )
    return item


def _blocks(blocks: Sequence[Any], data: Any, content: Any, max_bytes: int) -> tuple[bytes, bytes]:
    # Looked at before base64 makes a third more of it.
    if sum(_raw_length(block) for block in blocks) > max_bytes:
        _too_long(max_bytes)
    wired = _json([content.wire(block) for block in blocks], max_bytes)
    return wired if data is None else _json(data, max_bytes), wired


def _raw_length(block: Any) -> int:
    holder = getattr(block, "resource", block)
    return max(len(getattr(holder, field, "")) for field in ("text", "data", "blob"))


def _refuse_early(value: Any, max_bytes: int) -> None:
    if issubclass(type(value), str | bytes | bytearray) and len(value) > max_bytes:
        _too_long(max_bytes)
    if hasattr(type(value), "__next__") or hasattr(type(value), "__anext__"):
        # It may never end, and pydantic would go through it.
        _invalid(f"The tool returned {type(value).__name__}; return a list instead.")


def _kept(value: Any, promise: Promise, max_bytes: int) -> Any:
    """The value as promised."""
    try:
        fitting = promise.read(value)
        if plain.is_plain(fitting, max_bytes):
            return fitting
    except Odd:
        pass  # pydantic says what is wrong, or converts it
    from . import models  # noqa: PLC0415  imports pydantic, which a plain result does without

    try:
        return models.promised(value, promise.adapter())
    except (ValueError, TypeError, RecursionError) as error:
        if faults.is_validation_error(error):
            _invalid(f"The result does not fit the type that the tool promises: {faults.validation_message(error)}")
        _invalid(f"The result is not JSON: {faults.message_of(error)}")


def _json(value: Any, max_bytes: int) -> bytes:
    if plain.is_plain(value, max_bytes):
        return _written(value, max_bytes)
    from . import models  # noqa: PLC0415  as above

    try:
        value = models.jsonable(value)
    except (ValueError, TypeError, RecursionError) as error:
        _invalid(f"The result is not JSON: {faults.message_of(error)}")
    raw = _written(value, max_bytes)
    if not plain.is_plain(value, max_bytes):
        _invalid(f"The result is not JSON ({_LIMITS}).")
    return raw


# Made once, so that a tool which replaces parts of json changes nothing here; `JSONEncoder` makes one for each text.
_pieces = json.encoder.c_make_encoder(  # type: ignore[attr-defined]  # typeshed does not know it
    None, json.JSONEncoder().default, json.encoder.encode_basestring, None, ":", ",", False, False, False
)


def _written(value: Any, max_bytes: int) -> bytes:
    # Looked at before the text is made: one string of 50 MB must not cost another 50 MB.
    if type(value) is str and len(value) > max_bytes:
        _too_long(max_bytes)
    try:
        raw = "".join(_pieces(value, 0)).encode()
    except (ValueError, TypeError, RecursionError) as error:
        _invalid(f"The result is not JSON ({_LIMITS}): {faults.message_of(error)}")
    if len(raw) > max_bytes:
        _too_long(max_bytes)
    return raw


def _invalid(message: str) -> NoReturn:
    raise Unusable("OutputInvalid", message)


def _too_long(max_bytes: int) -> NoReturn:
    raise Unusable("OutputLimit", f"The result is longer than {max_bytes} bytes of JSON. Return less, or in parts.")
