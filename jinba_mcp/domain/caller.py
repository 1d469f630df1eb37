"""Who is calling and what that lets them do. Every core operation starts by asking its caller."""

from enum import StrEnum

from jinba_mcp.domain.errors import (
    Forbidden,
    NarrowingExceeded,
    OperatorNeeded,
    OrganizationNotFound,
    PersonalKeyNeeded,
    ScopeMissing,
    SessionNeeded,
    ToolSetNotFound,
)
from jinba_mcp.domain.ids import KeyId, OrganizationId, SessionId, UserId
from jinba_mcp.domain.records import Record, UtcDateTime
from jinba_mcp.domain.scopes import ALL_SCOPES, Scope


class CallerKind(StrEnum):
    ORGANIZATION_KEY = "organization"
    PERSONAL_KEY = "personal"
    SESSION = "session"
    """A user who signed in."""
    OPERATOR = "operator"
    """Whoever holds the machine: the command line, stdio and boot."""


class Grant(Record):
    """What the caller may do in one organization."""

    organization_id: OrganizationId
    organization_slug: str
    scopes: frozenset[Scope]
    former_slugs: frozenset[str] = frozenset()
    """What the organization was called before; URLs with these still work."""

    def is_called(self, name: str) -> bool:
        """Whether `name` is the organization's id, slug or a former slug."""
        return name in (self.organization_id, self.organization_slug) or name in self.former_slugs


class Caller(Record):
    """An authenticated party, complete: deciding what it may do needs no further look-up."""

    kind: CallerKind
    grants: tuple[Grant, ...]
    key_id: KeyId | None = None
    key_name: str | None = None
    key_prefix: str | None = None
    user_id: UserId | None = None
    session_id: SessionId | None = None
    held: frozenset[Scope] = frozenset()
    """What a user's key was given, or all for a session, before any role limits it in an organization."""
    toolsets: frozenset[str] | None = None
    tools: frozenset[str] | None = None
    rate_limit: int | None = None
    """Requests a minute that the key was given, instead of what the operator set for all."""
    allowed_ips: tuple[str, ...] | None = None
    """Networks that the key may be used from, in CIDR form."""
    expires_at: UtcDateTime | None = None

    def __hash__(self) -> int:
        """Of what tells callers apart; caches ask for it with each request."""
        return hash((self.key_id, self.user_id, self.session_id))

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
            if grant.is_called(organization):
                if grant.scopes.isdisjoint(any_of):
                    raise ScopeMissing(" or ".join(any_of), sorted(grant.scopes))
                return grant.organization_id
        raise OrganizationNotFound(organization)

    def require_user(self, *any_of: Scope) -> UserId:
        """The user that the caller acts as, where no organization of the caller's is concerned.

        Raises:
            PersonalKeyNeeded: it acts as nobody.
            ScopeMissing: its key was given none of `any_of`.
        """
        if self.user_id is None:
            raise PersonalKeyNeeded
        if any_of and self.held.isdisjoint(any_of):
            raise ScopeMissing(" or ".join(any_of), sorted(self.held))
        return self.user_id

    def require_session(self) -> UserId:
        """The user who signed in.

        Raises:
            SessionNeeded: the caller is a key.
        """
        if self.kind is not CallerKind.SESSION or self.user_id is None:
            raise SessionNeeded
        return self.user_id

    def require_whole(self) -> None:
        """Check that no narrowing limits the caller, whom others could otherwise be used to go beyond.

        Raises:
            NarrowingExceeded: it does.
        """
        if self.toolsets is not None or self.tools is not None:
            raise NarrowingExceeded

    def require_all_of(self, toolset: str) -> None:
        """Check that the caller's narrowing leaves in a ToolSet and all of its tools, for what concerns them together.

        Raises:
            ToolSetNotFound: it is narrowed out.
            Forbidden: some of its tools may be.
        """
        if not self.may_use(toolset):
            raise ToolSetNotFound(toolset)
        if self.tools is not None:
            raise Forbidden(f"This key is narrowed to some tools, and this concerns all of '{toolset}'.")

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


def operator(*grants: tuple[OrganizationId, str], former_slugs: frozenset[str] = frozenset()) -> Caller:
    """The machine's holder, with every scope in the given organizations (id and slug)."""
    return Caller(
        kind=CallerKind.OPERATOR,
        grants=tuple(
            Grant(organization_id=identifier, organization_slug=slug, scopes=ALL_SCOPES, former_slugs=former_slugs)
            for identifier, slug in grants
        ),
    )
