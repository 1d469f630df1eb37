"""Heads of requests: clients send the same again and again, so what is made of one is made once.

What is kept lies under a digest of the head, so no secret stays here that whoever reads the head did not keep.
"""

import hashlib
import marshal
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

from starlette.types import Scope

T = TypeVar("T")
Fields: TypeAlias = Iterable[tuple[bytes, bytes]]

_STEADY = frozenset(
    {
        b"accept", b"authorization", b"content-encoding", b"content-type", b"host", b"last-event-id", b"origin",
        b"x-api-key",
    }
)  # fmt: skip
"""What is read of a head and alike in most requests of one client; so is all that begins with `mcp-`."""
_MADE = "jinba.made_of_head"
"""Where in the scope lies what was made of its head."""
_MAX_HEADS = 2_000
_MAX_BYTES = 4_096


class Heads:
    """What was made of heads, by whoever read them; those that were not sent for longest give way."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, dict[Callable[[Fields], Any], Any]] = OrderedDict()

    def recognise(self, scope: Scope) -> None:
        """Have `once` find what was made of the same head before."""
        written = marshal.dumps(_steady(scope["headers"]), 2)
        if len(written) > _MAX_BYTES:
            return
        digest = hashlib.sha256(written).digest()
        made = self._known.get(digest)
        if made is None:
            made = self._known[digest] = {}
            if len(self._known) > _MAX_HEADS:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(digest)
        scope[_MADE] = made


def once(scope: Scope, work: Callable[[Fields], T]) -> T:
    """What `work` makes of the steady fields of a request's head; what it raises it raises each time."""
    made = scope.get(_MADE)
    if made is None:
        return work(_steady(scope["headers"]))
    if work not in made:
        made[work] = work(_steady(scope["headers"]))
    found: T = made[work]
    return found


def _steady(headers: Fields) -> list[tuple[bytes, bytes]]:
    return [field for field in headers if field[0] in _STEADY or field[0].startswith(b"mcp-")]
