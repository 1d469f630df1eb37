"""Faults: what does not fit a schema, as a JSON `pointer` (RFC 6901) and a `detail` each."""

from collections.abc import Sequence

from pydantic import JsonValue

_SHOWN = 5


def sentence(faults: Sequence[dict[str, JsonValue]]) -> str:
    """The first few faults in one line; what is wrong with the whole has no pointer in front."""
    return "; ".join(f"{fault['pointer']}: {fault['detail']}".removeprefix(": ") for fault in faults[:_SHOWN])
