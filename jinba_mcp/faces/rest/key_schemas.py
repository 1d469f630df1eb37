"""The wire forms of keys."""

from typing import Annotated

from pydantic import Field, StrictInt

from jinba_mcp.core.keys import IssuedKey, KeyTerms, Network, ToolName
from jinba_mcp.domain import mcp_config
from jinba_mcp.domain.keys import MAX_OVERLAP_S, NETWORK_PATTERN, Key, KeyKind
from jinba_mcp.domain.limits import PerMinute
from jinba_mcp.domain.mcp_config import McpClient
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.scopes import DEFAULT_SCOPES, Scope
from jinba_mcp.domain.tools import Slug
from jinba_mcp.faces.rest.wire import WHOLE, In, Instant, InstantIn, Out, PageOut, PatchIn, Text
from jinba_mcp.faces.web import sites

KeyName = Annotated[Text, Field(min_length=1, max_length=100, examples=["Laptop"])]
Scopes = Annotated[tuple[Scope, ...], Field(min_length=1, max_length=4)]
SlugsOfToolSets = Annotated[tuple[Slug, ...], Field(max_length=200)]
NamesOfTools = Annotated[tuple[ToolName, ...], Field(max_length=1_000, examples=[["greeting-tools/greet"]])]
RateLimit = Annotated[PerMinute, Field(strict=True, description="Requests a minute.", examples=[600]), WHOLE]
NetworkIn = Annotated[Network, Field(json_schema_extra={"pattern": NETWORK_PATTERN})]
Networks = Annotated[tuple[NetworkIn, ...], Field(max_length=100, examples=[["10.0.0.0/8"]])]


class KeyIn(In):
    """A new key: what it is called, what it may do, what it is narrowed to (null: nothing)."""

    name: KeyName
    scopes: Scopes = DEFAULT_SCOPES
    toolsets: SlugsOfToolSets | None = None
    tools: NamesOfTools | None = None
    allowed_ips: Networks | None = None
    rate_limit: RateLimit | None = None
    expires_at: InstantIn | None = None

    def terms(self) -> KeyTerms:
        return KeyTerms(**self.model_dump())


class KeyPatchIn(PatchIn):
    """Terms to replace; what is not given stays as it is."""

    name: KeyName = ""
    scopes: Scopes = DEFAULT_SCOPES
    toolsets: SlugsOfToolSets | None = None
    tools: NamesOfTools | None = None
    allowed_ips: Networks | None = None
    rate_limit: RateLimit | None = None
    expires_at: InstantIn | None = None

    def changes(self) -> JsonObject:
        return self.model_dump(mode="json", exclude_unset=True)


class RotationIn(In):
    """For how many more seconds the old secret works."""

    overlap_seconds: Annotated[StrictInt, Field(ge=0, le=MAX_OVERLAP_S), WHOLE] = 0


class KeyOut(Out):
    """A key without its secret; `prefix` is for recognition."""

    id: str
    kind: KeyKind
    organization_id: str | None
    user_id: str | None
    name: str
    prefix: str
    scopes: list[Scope]
    toolsets: list[str] | None
    tools: list[str] | None
    allowed_ips: list[str] | None
    rate_limit: Annotated[int | None, Field(description="Requests a minute; null for the server's own limit.")]
    expires_at: Instant | None
    created_by: str
    created_at: Instant
    last_used_at: Instant | None


class IssuedKeyOut(KeyOut):
    """A key with its secret, which is shown this once."""

    key: Annotated[str, Field(examples=["jtb_…"])]
    api_base_url: str
    mcp_json: JsonObject


class KeyPage(PageOut[KeyOut]):
    """Keys, newest first."""


def key_out(record: Key) -> KeyOut:
    return KeyOut(**record.model_dump(exclude={"revoked_at"}))


def issued_key_out(issued: IssuedKey, base_url: str, mcp_url: str) -> IssuedKeyOut:
    """With what a client needs to start using the key at once: `mcp_url` is the endpoint with all that it may use."""
    return IssuedKeyOut(
        **issued.key.model_dump(exclude={"revoked_at"}),
        key=issued.secret,
        api_base_url=sites.api_url(base_url),
        mcp_json=mcp_config.configuration(McpClient.GENERIC, name="jinba", url=mcp_url, secret=issued.secret),
    )
