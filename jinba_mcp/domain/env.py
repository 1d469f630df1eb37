"""Env: the variables of a ToolSet, kept beside its versions and handed to each run."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StringConstraints

from jinba_mcp.domain import json_values
from jinba_mcp.domain.ids import ToolSetId
from jinba_mcp.domain.records import JsonObject, Record, UtcDateTime

MAX_VALUE_CHARS = 32_768
MAX_VARIABLES = 100


def _settable(value: str) -> str:
    if "\0" in value:
        raise ValueError("it holds a NUL character, which no environment variable can")
    if not value.isascii():
        value.encode()
    return value


KEY_PATTERN = r"^[A-Z_][A-Z0-9_]{0,127}$"
EnvKey = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
EnvValue = Annotated[
    str, Field(max_length=MAX_VALUE_CHARS, json_schema_extra={"pattern": r"^[^\x00]*$"}), AfterValidator(_settable)
]


_PLAIN: JsonObject = {
    "properties": {"value": {"type": "string"}, "secret": {"const": False}},
    "required": ["value"],
}
_SECRET: JsonObject = {"properties": {"value": {"type": "null"}, "secret": {"const": True}}, "required": ["secret"]}


class EnvDeclaration(Record):
    """A variable that the code expects: a secret by name only, or a plain value."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [_PLAIN, _SECRET]})

    key: EnvKey
    value: EnvValue | None = None
    secret: StrictBool = False


class Variable(Record):
    """A variable that was set: a plain value, or a secret's value sealed."""

    toolset_id: ToolSetId
    key: EnvKey
    value: EnvValue | None = None
    sealed: str | None = None
    """Opened by `core.sealing` only."""
    updated_at: UtcDateTime

    @property
    def is_secret(self) -> bool:
        return self.sealed is not None


class Env:
    """The variables of one run. Hashable by what it holds, and shows none of it."""

    __slots__ = ("digest", "secrets", "variables")

    def __init__(self, variables: Mapping[str, str] | None = None, secret_keys: Iterable[str] = ()) -> None:
        self.variables = dict(variables or {})
        self.secrets = tuple(sorted({self.variables[key] for key in secret_keys if self.variables.get(key)}))
        """The values to be masked wherever the tool wrote them."""
        self.digest = json_values.digest(dict(self.variables))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Env) and (self.digest, self.secrets) == (other.digest, other.secrets)

    def __hash__(self) -> int:
        return hash((self.digest, self.secrets))

    def __repr__(self) -> str:
        return f"Env({len(self.variables)} variables)"


NO_ENV = Env()


class Setting(Record):
    """A value to set a variable to."""

    key: EnvKey
    value: EnvValue
    is_secret: bool = False
