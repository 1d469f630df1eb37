"""Versions: row and repository. What a version froze is written once and never updated."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlmodel import Field

from jinba_mcp.domain.errors import VersionExists, VersionNotFound
from jinba_mcp.domain.ids import ToolSetId, VersionId
from jinba_mcp.domain.pages import MAX_LIMIT, Page, PageRequest
from jinba_mcp.domain.toolsets import Content
from jinba_mcp.domain.versions import Snapshot, Version
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.paging import cut
from jinba_mcp.storage.tables import WORD, Row, UtcDateTime, record_of, table_of, values_of
from jinba_mcp.storage.toolsets import content_text


class VersionRow(Row, table=True):
    """An immutable snapshot; `content` is canonical JSON.

    `position` counts a ToolSet's versions in the order of publishing, which two ids of one millisecond do not tell.
    """

    __tablename__ = "version"

    id: str = Field(primary_key=True, sa_type=WORD)
    toolset_id: str = Field(foreign_key="toolset.id", sa_type=WORD)
    number: str = Field(sa_type=WORD)
    digest: str
    origin: str
    release_notes: str
    published_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    deprecated_at: datetime | None = Field(sa_type=UtcDateTime)
    yanked_at: datetime | None = Field(sa_type=UtcDateTime)
    deprecation_message: str | None
    yank_reason: str | None
    position: int
    content: str


_versions = table_of(VersionRow)
_without_content = [_versions.c[name] for name in Version.model_fields]
Index("uq_version_toolset_number", _versions.c.toolset_id, _versions.c.number, unique=True)
Index("uq_version_toolset_position", _versions.c.toolset_id, _versions.c.position, unique=True)


def _version(row: RowMapping) -> Version:
    return record_of(Version, row, _versions)


class VersionRepository:
    """Versions in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, snapshot: Snapshot) -> None:
        """Store a published version, for good.

        Raises:
            VersionExists: the ToolSet has this number already.
        """
        version = snapshot.version
        position = select(func.coalesce(func.max(_versions.c.position), 0) + 1).where(
            _versions.c.toolset_id == version.toolset_id
        )
        values = values_of(version) | {
            "content": content_text(snapshot.content),
            "position": await self._connection.value(position),
        }
        async with self._connection.unique(VersionExists(version.number, version.number)):
            await self._connection.write(insert(_versions), values)
        await self._connection.touch()

    async def find(self, toolset_id: ToolSetId, number: str) -> Snapshot | None:
        return await self._snapshot(_versions.c.toolset_id == toolset_id, _versions.c.number == number)

    async def find_by_id(self, version_id: VersionId) -> Snapshot | None:
        return await self._snapshot(_versions.c.id == version_id)

    async def latest(self, toolset_id: ToolSetId) -> Version | None:
        """The version that was published last, which is the one with the highest number."""
        row = await self._connection.first(
            select(*_without_content)
            .where(_versions.c.toolset_id == toolset_id)
            .order_by(_versions.c.position.desc())
            .limit(1)
        )
        return None if row is None else _version(row)

    async def find_version(self, toolset_id: ToolSetId, number: str) -> Version | None:
        row = await self._connection.first(
            select(*_without_content).where(_versions.c.toolset_id == toolset_id, _versions.c.number == number)
        )
        return None if row is None else _version(row)

    async def find_version_by_id(self, version_id: VersionId) -> Version | None:
        row = await self._connection.first(select(*_without_content).where(_versions.c.id == version_id))
        return None if row is None else _version(row)

    async def count(self, toolset_id: ToolSetId) -> int:
        counted = select(func.count()).select_from(_versions).where(_versions.c.toolset_id == toolset_id)
        return int(await self._connection.value(counted))

    async def remove_all(self, toolset_id: ToolSetId) -> None:
        """Delete a ToolSet's versions, which only goes with the ToolSet itself."""
        await self._connection.write(delete(_versions).where(_versions.c.toolset_id == toolset_id))
        await self._connection.touch()

    async def page(self, toolset_id: ToolSetId, request: PageRequest) -> Page[Version]:
        """A ToolSet's versions, newest first, without content; the key of the page is the number."""
        limit = min(max(request.limit, 1), MAX_LIMIT)
        statement = select(*_without_content).where(_versions.c.toolset_id == toolset_id)
        if request.after is not None:
            last = select(_versions.c.position).where(
                _versions.c.toolset_id == toolset_id, _versions.c.number == request.after
            )
            statement = statement.where(_versions.c.position < last.scalar_subquery())
        rows = await self._connection.all(statement.order_by(_versions.c.position.desc()).limit(limit + 1))
        return cut(rows, _versions.c.number, limit, _version)

    async def save(self, version: Version) -> None:
        """Store deprecation, yanking and release notes; nothing else about a version can change.

        Raises:
            VersionNotFound: there is no such version.
        """
        found = await self._connection.write(
            update(_versions)
            .where(_versions.c.id == version.id)
            .values(
                deprecated_at=version.deprecated_at,
                yanked_at=version.yanked_at,
                deprecation_message=version.deprecation_message,
                yank_reason=version.yank_reason,
                release_notes=version.release_notes,
            )
        )
        if not found:
            raise VersionNotFound(version.number)
        await self._connection.touch()

    async def _snapshot(self, *conditions: Any) -> Snapshot | None:
        row = await self._connection.first(select(_versions).where(*conditions))
        if row is None:
            return None
        return Snapshot(version=_version(row), content=Content.model_validate_json(row["content"]))
