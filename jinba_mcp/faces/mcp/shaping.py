"""Results of `tools/call` as a version of the protocol has them, which the SDK knows.

It checks and copies each result. Nearly all are one block of text that we wrote, and maybe structure: for those it is
asked once what a version makes of one, and the rest is made alike.
"""

from functools import lru_cache
from typing import Any

from mcp_types.methods import serialize_server_result

from jinba_mcp.domain.records import JsonObject

_CALL = "tools/call"
_TEXT_KEYS = {"type", "text"}
_EXAMPLE: JsonObject = {
    "resultType": "complete",
    "content": [{"type": "text", "text": ""}],
    "structuredContent": {},
    "isError": False,
    "_meta": {},
}


def shaped(result: JsonObject, version: str) -> JsonObject:
    """What of the result that version's clients are sent.

    Raises:
        ValidationError: a tool made content blocks of its own that the version does not have.
    """
    if not _is_plain(result):
        checked: JsonObject = serialize_server_result(_CALL, version, result)
        return checked
    return {name: result[name] for name in _names(version) if name in result}


@lru_cache(maxsize=16)
def _names(version: str) -> tuple[str, ...]:
    return tuple(serialize_server_result(_CALL, version, _EXAMPLE))


def _is_plain(result: JsonObject) -> bool:
    content, structure = result["content"], result.get("structuredContent", {})
    if not isinstance(content, list) or len(content) != 1 or not isinstance(structure, dict):
        return False
    block: Any = content[0]
    return block.keys() == _TEXT_KEYS and block["type"] == "text" and isinstance(block["text"], str)
