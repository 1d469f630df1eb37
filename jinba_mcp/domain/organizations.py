"""Organizations, the users in them and what joins the two."""

from jinba_mcp.domain.ids import OrganizationId, UserId
from jinba_mcp.domain.records import Record, UtcDateTime
from jinba_mcp.domain.scopes import Role


class Organization(Record):
    """The tenant: owns ToolSets, keys and runs."""

    id: OrganizationId
    slug: str
    name: str
    created_at: UtcDateTime


class User(Record):
    """A person; personal keys act as one."""

    id: UserId
    email: str
    name: str
    created_at: UtcDateTime


class Membership(Record):
    """A user's role in one organization."""

    organization_id: OrganizationId
    user_id: UserId
    role: Role
