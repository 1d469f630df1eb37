"""The wire forms of limits."""

from typing import Annotated

from pydantic import Field

from jinba_mcp.domain.limits import Quota
from jinba_mcp.faces.rest.wire import Out


class QuotaOut(Out):
    """What may be used; null is no limit."""

    per_minute: int | None
    per_day: int | None
    at_once: Annotated[int | None, Field(description="Runs in flight, of each server process or of all together.")]


class LimitsOut(Out):
    """What one request may weigh, and how many there may be."""

    body_bytes: int
    key: Annotated[QuotaOut, Field(description="Requests of this key or session.")]
    organization: Annotated[QuotaOut, Field(description="Requests of each organization, all keys together.")]
    tool: Annotated[QuotaOut, Field(description="Runs of each tool, by all together.")]


def quota_out(quota: Quota) -> QuotaOut:
    return QuotaOut(**quota.model_dump())
