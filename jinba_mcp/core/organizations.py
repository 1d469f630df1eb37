"""Organizations: who there is, found by id or slug."""

from typing import TYPE_CHECKING

from jinba_mcp.clock import Clock
from jinba_mcp.core.cache import GenerationCache
from jinba_mcp.domain import ids
from jinba_mcp.domain.caller import Caller, operator
from jinba_mcp.domain.errors import FieldsInvalid, OrganizationNotFound
from jinba_mcp.domain.organizations import Membership, Organization, User
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.storage.store import Store

if TYPE_CHECKING:
    from jinba_mcp.domain.records import JsonObject

DEFAULT_SLUG = "default"


class Organizations:
    """Creating organizations is the operator's until users can sign up."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._cache: GenerationCache[str, Organization] = GenerationCache(store)

    async def get(self, caller: Caller, organization: str) -> Organization:
        """One organization by id or slug.

        Raises:
            OrganizationNotFound: unknown, or not the caller's.
        """
        identifier = caller.require(organization, Scope.READ)
        return await self.resolve(identifier)

    async def page(self, caller: Caller, request: PageRequest) -> Page[Organization]:
        """The caller's organizations; the operator sees all."""
        if caller.is_operator:
            async with self._store.read() as tx:
                return await tx.organizations.page(request)
        caller.require_anywhere(Scope.READ)
        mine = sorted(grant.organization_id for grant in caller.grants if Scope.READ in grant.scopes)
        following = [identifier for identifier in mine if request.after is None or identifier > request.after]
        shown = following[: request.limit]
        items = [await self.resolve(identifier) for identifier in shown]
        more = len(following) > len(shown)
        return Page(items=tuple(items), next_cursor=shown[-1] if more else None)

    async def create(self, caller: Caller, slug: str, name: str, *, owner_email: str | None = None) -> Organization:
        """Make an organization, owned by the user with that e-mail address, who is made too when new.

        Raises:
            ScopeMissing: the caller is not the operator.
            NameTaken: the slug is in use.
        """
        caller.require_operator()
        now = self._clock()
        organization = Organization(
            id=ids.organization_id(now), slug=_checked_slug(slug), name=name or slug, created_at=now
        )
        async with self._store.begin() as tx:
            await tx.organizations.add(organization)
            if owner_email is not None:
                user = await tx.users.find_by_email(owner_email)
                if user is None:
                    user = User(id=ids.user_id(now), email=owner_email, name=owner_email, created_at=now)
                    await tx.users.add(user)
                await tx.users.add_membership(
                    Membership(organization_id=organization.id, user_id=user.id, role=Role.OWNER)
                )
        return organization

    async def resolve(self, organization: str) -> Organization:
        """System's own: any organization by id or slug, without a look at who asks.

        Raises:
            OrganizationNotFound: unknown.
        """

        async def load() -> Organization | None:
            async with self._store.read() as tx:
                return await tx.organizations.find(organization)

        found = await self._cache.get(organization, load)
        if found is None:
            raise OrganizationNotFound(organization)
        return found

    async def operator(self, organization: str) -> Caller:
        """System's own: the machine's holder at work in one organization.

        Raises:
            OrganizationNotFound: unknown.
        """
        found = await self.resolve(organization)
        return operator((found.id, found.slug))

    async def ensure_default(self) -> Organization:
        """System's own: the organization every new installation starts with."""
        try:
            return await self.resolve(DEFAULT_SLUG)
        except OrganizationNotFound:
            return await self.create(operator(), DEFAULT_SLUG, "Default")


def _checked_slug(slug: str) -> str:
    if not ids.is_slug(slug):
        fault: JsonObject = {"pointer": "/slug", "detail": ids.SLUG_RULE}
        raise FieldsInvalid([fault])
    return slug
