"""How far a running tool says it is: set by the engine around a run, called through `jinba_mcp.authoring`."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeAlias

Reporter: TypeAlias = Callable[[float, float | None, str | None], None]
"""Takes progress so far, the total if known, and a sentence; may be called from any thread."""

reporter: ContextVar[Reporter | None] = ContextVar("progress_reporter", default=None)
