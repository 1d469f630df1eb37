"""The wire forms of retention."""

from typing import Annotated

from pydantic import Field

from jinba_mcp.domain.keeping import Keeping
from jinba_mcp.domain.retention import Days, Retention, RunCount
from jinba_mcp.faces.rest.wire import WHOLE, In, Out


class RetentionIn(In):
    """How long to keep records of runs, and how many; null, or nothing, leaves it to the server."""

    days: Annotated[Days, Field(strict=True, examples=[30]), WHOLE] | None = None
    count: Annotated[RunCount, Field(strict=True, examples=[100_000]), WHOLE] | None = None


class RetentionOut(Out):
    """What the organization has said, and what the server keeps at most; the smaller of the two holds."""

    days: Annotated[int | None, Field(description="Null leaves it to the server.")]
    count: Annotated[int | None, Field(description="Null leaves it to the server.")]
    max_days: Annotated[int | None, Field(description="The server's; null keeps runs for ever.")]
    max_count: Annotated[int | None, Field(description="The server's; null keeps all runs.")]


def retention_out(own: Retention, keeping: Keeping) -> RetentionOut:
    max_days = None if keeping.max_age is None else keeping.max_age.days
    return RetentionOut(**own.model_dump(), max_days=max_days, max_count=keeping.max_count)
