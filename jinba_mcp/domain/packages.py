"""Packages: what the code imports, as its author names it and as it was resolved."""

from typing import Annotated, Literal

from pydantic import Field

from jinba_mcp.domain.records import Record

MAX_LOCK_BYTES = 2 * 1024 * 1024


class Package(Record):
    """A library the code imports; `version` is a number (exactly that one) or a range as its language writes it."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    version: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class Lock(Record):
    """What a list of packages resolved to, with a hash for every file: the same environment for ever.

    `text` is a requirements file for Python and a `deno.lock` for TypeScript; neither names a host.
    """

    kind: Literal["python", "typescript"]
    packages: tuple[Package, ...]
    """What was asked for; a lock fits only this list."""
    text: Annotated[str, Field(max_length=MAX_LOCK_BYTES)]
