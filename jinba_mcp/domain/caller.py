"""Who is calling and what that lets them do. Every core operation starts by asking its caller."""

from enum import StrEnum

from jinba_mcp.domain.errors import OperatorNeeded, OrganizationNotFound, ScopeMissing
from jinba_mcp.domain.ids import KeyId, OrganizationId, UserId
from jinba_mcp.domain.records import Record
from jinba_mcp.domain.scopes import ALL_SCOPES, Scope


class CallerKind(StrEnum):
    ORGANIZATION_KEY = "organization"
    PERSONAL_KEY = "personal"
    OPERATOR = "operator"
    """Whoever holds the machine: the command line, stdio and boot."""


class Grant(Record):
    """What the caller may do in one organization."""

    organization_id: OrganizationId
    organization_slug: str
    scopes: frozenset[Scope]


class Caller(Record):
    """An authenticated party, complete: deciding what it may do needs no further look-up."""

    kind: CallerKind
    grants: tuple[Grant, ...]
    key_id: KeyId | None = None
    key_name: str | None = None
    key_prefix: str | None = None
    user_id: UserId | None = None
    toolsets: frozenset[str] | None = None
    tools: frozenset[str] | None = None

    @property
    def is_operator(self) -> bool:
        return self.kind is CallerKind.OPERATOR

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the caller holds in at least one organization."""
        return frozenset[Scope]().union(*(grant.scopes for grant in self.grants))

    def require_anywhere(self, *any_of: Scope) -> None:
        """Check for one of the scopes where no organization of the caller's is concerned, as with a public ToolSet.

        Raises:
            ScopeMissing: the caller holds none of them in any organization.
        """
        if self.scopes.isdisjoint(any_of):
            raise ScopeMissing(" or ".join(any_of), sorted(self.scopes))

    def require(self, organization: str, *any_of: Scope) -> OrganizationId:
        """The checked id of an organization given by id or slug, in which the caller holds one of `any_of`.

        The organization is looked at first: someone else's is not found, whatever the scope.

        Raises:
            OrganizationNotFound: unknown, or not the caller's.
            ScopeMissing: the caller's, but none of the scopes is held there.
        """
        for grant in self.grants:
            if organization in (grant.organization_id, grant.organization_slug):
                if grant.scopes.isdisjoint(any_of):
                    raise ScopeMissing(" or ".join(any_of), sorted(grant.scopes))
                return grant.organization_id
        raise OrganizationNotFound(organization)

    def require_operator(self) -> None:
        """Check that this is whoever holds the machine.

        Raises:
            OperatorNeeded: it is a key, whatever its scopes.
        """
        if not self.is_operator:
            raise OperatorNeeded

    def belongs_to(self, organization_id: OrganizationId) -> bool:
        return any(grant.organization_id == organization_id for grant in self.grants)

    def home(self, *any_of: Scope) -> Grant:
        """Where things are recorded that the caller does elsewhere: the first organization with one of the scopes.

        Raises:
            ScopeMissing: there is none.
        """
        self.require_anywhere(*any_of)
        return next(grant for grant in self.grants if not grant.scopes.isdisjoint(any_of))

    def may_use(self, toolset: str, tool: str | None = None) -> bool:
        """Whether the key's narrowing leaves this ToolSet (and tool) in."""
        if self.tools is not None:
            if tool is None:
                if not any(name.partition("/")[0] == toolset for name in self.tools):
                    return False
            elif f"{toolset}/{tool}" not in self.tools:
                return False
        return self.toolsets is None or toolset in self.toolsets


def operator(*grants: tuple[OrganizationId, str]) -> Caller:
    """The machine's holder, with every scope in the given organizations (id and slug)."""
    return Caller(
        kind=CallerKind.OPERATOR,
        grants=tuple(
            Grant(organization_id=identifier, organization_slug=slug, scopes=ALL_SCOPES) for identifier, slug in grants
        ),
    )
