"""What comes of one call of a worker: bytes that nobody has read yet, or the reason why there are none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from jinba_mcp.sandbox.local.zygotes import Ended

Why: TypeAlias = Literal["timeout", "cpu", "died", "nonsense", "closed"]
"""The time was up, the processor time was, the process ended, it sent what is no answer, or we shut down."""


@dataclass(frozen=True)
class Lost:
    """No answer came, and `why`."""

    why: Why
    ended: Ended = field(default_factory=Ended)
    has_begun: bool = True
    """Whether the call may have had an effect; if not, it can be made again elsewhere."""
    was_loading: bool = False
    """Whether the tool's own code was still being loaded, so that the call had not been sent."""


Reply: TypeAlias = bytes | Lost
OnProgress: TypeAlias = Callable[[bytes], None]
