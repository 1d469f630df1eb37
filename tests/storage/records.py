"""Records to store: complete, valid, and different from each other wherever it could matter."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from jinba_mcp.domain import ids, keys, versions
from jinba_mcp.domain.ids import OrganizationId, ToolSetId, UserId
from jinba_mcp.domain.keys import Key, KeyKind
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.runs import Run, RunSource, RunStatus
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Content, Draft, Listing, Origin, ToolSet
from jinba_mcp.domain.users import User
from jinba_mcp.domain.versions import Snapshot, Version
from jinba_mcp.storage.store import Store

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
_numbers = count(1)


def moment(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def an_organization(slug: str = "acme", at: datetime = NOW) -> Organization:
    return Organization(id=ids.organization_id(at), slug=slug, name=slug.title(), created_at=at)


def a_user(email: str = "alice@example.com") -> User:
    return User(id=ids.user_id(NOW), email=email, name="Alice", created_at=NOW)


def a_key(organization_id: OrganizationId, at: datetime = NOW, **changes: Any) -> Key:
    return Key(
        id=ids.key_id(at),
        kind=KeyKind.ORGANIZATION,
        organization_id=organization_id,
        user_id=None,
        name="Laptop",
        prefix="jtb_abcd",
        scopes=(Scope.READ, Scope.EXECUTE),
        toolsets=("text-tools",),
        tools=("text-tools/slugify",),
        allowed_ips=("10.0.0.0/8",),
        expires_at=at + timedelta(days=30),
        created_by="user_1",
        created_at=at,
    ).model_copy(update=changes)


def a_personal_key(user_id: UserId, at: datetime = NOW) -> Key:
    owner = {"kind": KeyKind.PERSONAL, "organization_id": None, "user_id": user_id}
    return a_key(OrganizationId(""), at).model_copy(update=owner)


def a_digest() -> str:
    return keys.digest(keys.new_secret())


def a_content(name: str = "Text tools", code: str = "def run(text: str) -> str:\n    return text\n") -> Content:
    tool = Tool(slug="echo", name="Echo «é» 🐎", code=code, input_schema={"type": "object", "b": 1, "a": None})
    return Content(name=name, description="Tools for text.", tools=(tool,))


def a_toolset(organization_id: OrganizationId, slug: str = "text-tools", **changes: Any) -> ToolSet:
    return ToolSet(
        id=ids.toolset_id(NOW),
        organization_id=organization_id,
        slug=slug,
        name=slug.replace("-", " ").title(),
        description="Tools for text.",
        listing=Listing(),
        created_at=NOW,
        updated_at=NOW,
    ).model_copy(update=changes)


def a_draft(name: str = "Text tools") -> Draft:
    return Draft(content=a_content(name), origin=Origin.OPERATOR, source_digest="sha256:0", updated_at=NOW)


def a_snapshot(toolset_id: ToolSetId, number: str = "1.0.0", content: Content | None = None) -> Snapshot:
    frozen = content or a_content()
    version = Version(
        id=ids.version_id(NOW),
        toolset_id=toolset_id,
        number=number,
        digest=versions.digest(frozen),
        origin=Origin.OPERATOR,
        release_notes="First.",
        published_by="operator",
        created_at=NOW,
    )
    return Snapshot(version=version, content=frozen)


def a_run(organization_id: str = "org_1", at: datetime = NOW, **changes: Any) -> Run:
    number = next(_numbers)
    return Run(
        id=ids.run_id(at),
        organization_id=OrganizationId(organization_id),
        toolset_slug="text-tools",
        tool_slug="echo",
        version_id=ids.version_id(NOW),
        version="1.0.0",
        version_digest="sha256:" + "0" * 64,
        source=RunSource.REST,
        status=RunStatus.RUNNING,
        input={"text": f"number {number}", "nested": [None, True, 1.5, "é\x00"]},
        key_id=ids.key_id(NOW),
        key_name="Laptop",
        key_prefix="jtb_abcd",
        client="pytest 9",
        request_id=f"request-{number}",
        created_at=at,
        started_at=at,
    ).model_copy(update=changes)


async def stored_organization(store: Store, slug: str = "acme", at: datetime = NOW) -> Organization:
    organization = an_organization(slug, at)
    async with store.begin() as tx:
        await tx.organizations.add(organization)
    return organization


async def stored_toolset(store: Store, organization: Organization, slug: str = "text-tools", **changes: Any) -> ToolSet:
    toolset = a_toolset(organization.id, slug, **changes)
    async with store.begin() as tx:
        await tx.toolsets.add(toolset, a_draft())
    return toolset
