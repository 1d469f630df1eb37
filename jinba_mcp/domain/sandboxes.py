"""Sandboxes: what a ToolSet asks to run with. What it gets is never more than the operator's ceilings."""

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from jinba_mcp.domain.records import Record, later

MAX_HOSTS = 100
MAX_HOST_LENGTH = 253
"""The longest name in DNS."""
INPROCESS = "inprocess"
LOCAL = "local"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"^(?:\*\.)?(?:{_LABEL}\.)*{_LABEL}(?::\d{{1,5}})?$")


def _hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    for host in hosts:
        if len(host) > MAX_HOST_LENGTH or _HOST.fullmatch(host) is None:
            raise ValueError(f"'{host}' is no host name; write api.example.com, *.example.com or db.example.com:5432")
    return tuple(sorted(set(hosts)))


def _spelled(value: object) -> object:
    """YAML reads `on` and `off` as booleans, and so did the first versions of this field."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value not in ("on", "off") and not isinstance(value, list | tuple):
        raise ValueError("must be on, off, or a list of hosts")
    # What a validator before has seen counts as Python, and a strict record takes no list for a tuple then.
    return tuple(value) if isinstance(value, list) else value


def _stored(network: "Network") -> bool | tuple[str, ...]:
    """As the first versions stored it, so that the digest of what they published stays the same."""
    return network if isinstance(network, tuple) else network == "on"


_Host = Annotated[str, Field(json_schema_extra={"pattern": _HOST.pattern, "maxLength": MAX_HOST_LENGTH})]
Hosts = Annotated[tuple[_Host, ...], Field(min_length=1, max_length=MAX_HOSTS), AfterValidator(_hosts)]
Network: TypeAlias = Annotated[
    Literal["off", "on"] | Hosts,
    BeforeValidator(_spelled, json_schema_input_type=bool | Literal["off", "on"] | Hosts),
    PlainSerializer(_stored, return_type=bool | tuple[str, ...]),
]
"""No connections; any public address; or a list of hosts (`*.` for subdomains, `:port` for another than 80 and 443)."""

Mode: TypeAlias = Literal["one_shot", "reuse"]
Prewarm: TypeAlias = Literal["tool", "packages", "off"]
Provider: TypeAlias = Literal["inprocess", "local", "docker", "e2b", "daytona"]


class Sandbox(Record):
    """The sandbox of a ToolSet; None means the server's default."""

    provider: Provider | None = None
    timeout_s: Annotated[float, Field(gt=0, le=900)] | None = None
    cpu_s: Annotated[float, Field(gt=0, le=900)] | None = later(None)
    """Processor time over all threads."""
    memory_mb: Annotated[int, Field(ge=16, le=16_384)] | None = None
    process_count: Annotated[int, Field(ge=1, le=1024)] | None = later(None)
    """Threads, since tools start no processes."""
    tmp_mb: Annotated[int, Field(ge=1, le=4_096)] | None = later(None)
    """Room in /tmp, the only place that can be written to."""
    output_kb: Annotated[int, Field(ge=1, le=65_536)] | None = later(None)
    log_kb: Annotated[int, Field(ge=0, le=16_384)] | None = later(None)
    network: Network = "off"
    mode: Mode = later("one_shot")
    """`reuse` keeps the process for the next run of the same version and organization: faster, and state is shared."""
    prewarm: Prewarm = later("tool")
    """What is loaded before a call comes: the tool's module, its packages only, or nothing."""
