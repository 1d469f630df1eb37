"""The wire forms of environment variables."""

from typing import Annotated

from pydantic import Field, StrictBool

from jinba_mcp.domain.env import EnvValue, Variable
from jinba_mcp.domain.toolsets import ToolSet
from jinba_mcp.faces.rest.wire import In, Instant, Out


class EnvIn(In):
    """A value to set."""

    value: EnvValue
    secret: Annotated[StrictBool, Field(description="Never shown again, and masked in logs and errors.")] = False


class EnvOut(Out):
    """A variable: set, or only expected by `toolset.yml`."""

    key: str
    secret: bool
    value: Annotated[str | None, Field(description="Null for a secret, and for what is not set.")]
    is_set: Annotated[bool, Field(description="Whether a run gets it; a plain value of `toolset.yml` counts.")]
    updated_at: Annotated[Instant | None, Field(description="Null for what only `toolset.yml` says.")]


class EnvList(Out):
    """All variables of a ToolSet, by key."""

    data: list[EnvOut]
    next_cursor: None = None


def env_out(variable: Variable) -> EnvOut:
    return EnvOut(
        key=variable.key,
        secret=variable.is_secret,
        value=variable.value,
        is_set=True,
        updated_at=variable.updated_at,
    )


def env_list(toolset: ToolSet, variables: list[Variable]) -> EnvList:
    shown = {variable.key: env_out(variable) for variable in variables}
    for declared in toolset.listing.env:
        expected = EnvOut(
            key=declared.key,
            secret=declared.secret,
            value=declared.value,
            is_set=declared.value is not None,
            updated_at=None,
        )
        shown.setdefault(declared.key, expected)
    return EnvList(data=[shown[key] for key in sorted(shown)])
