"""Organizations: who there is, found by id, slug or former slug; making, changing and deleting them."""

from datetime import datetime

import anyio
from pydantic import TypeAdapter, ValidationError

from jinba_mcp.clock import Clock
from jinba_mcp.core.audit import fact
from jinba_mcp.core.cache import GenerationCache
from jinba_mcp.domain import ids
from jinba_mcp.domain.caller import Caller, operator
from jinba_mcp.domain.errors import Conflict, CountExceeded, DeletionUnconfirmed, FieldsInvalid, OrganizationNotFound
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.members import Membership, acting_role, check_owner
from jinba_mcp.domain.organizations import MAX_FORMER_SLUGS, MAX_OWNED, Organization, Removal
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.domain.users import Email, User
from jinba_mcp.storage.store import Store

DEFAULT_SLUG = "default"
PAUSE_S = 0.02
"""Between two parts of a removal, for those who want to write as well."""
_EMAIL = TypeAdapter[str](Email)


class Organizations:
    """Users make their own; the operator makes any."""

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
        if caller.user_id is None:
            caller.require_anywhere(Scope.READ)
        else:
            # Someone who belongs nowhere yet sees an empty list.
            caller.require_user(Scope.READ)
        mine = sorted(grant.organization_id for grant in caller.grants if Scope.READ in grant.scopes)
        following = [identifier for identifier in mine if request.after is None or identifier > request.after]
        shown = following[: request.limit]
        items = [await self.resolve(identifier) for identifier in shown]
        more = len(following) > len(shown)
        return Page(items=tuple(items), next_cursor=shown[-1] if more else None)

    async def create(self, caller: Caller, slug: str, name: str, *, owner_email: str | None = None) -> Organization:
        """Make an organization, owned by the caller's user; the operator names the owner, who is made too when new.

        Raises:
            PersonalKeyNeeded: the caller acts as no user.
            ScopeMissing: its key was not given `admin`.
            CountExceeded: it owns as many organizations as it may.
            NameTaken: the slug is in use, or was another organization's.
            FieldsInvalid: the slug can be none, or `owner_email` no address.
        """
        if not caller.is_operator:
            caller.require_user(Scope.ADMIN)
            caller.require_whole()
        now = self._clock()
        organization = Organization(
            id=ids.organization_id(now), slug=_checked_slug(slug), name=name or slug, created_at=now
        )
        async with self._store.begin() as tx:
            if caller.user_id is not None:
                memberships = await tx.members.of_user(caller.user_id)
                if sum(each.role is Role.OWNER for each in memberships) >= MAX_OWNED:
                    raise CountExceeded("This user", "organizations", MAX_OWNED)
            await tx.organizations.add(organization)
            owner_id = caller.user_id
            if caller.is_operator and owner_email is not None:
                user = await tx.users.find_by_email(owner_email)
                if user is None:
                    user = _owner(owner_email, now)
                    await tx.users.add(user)
                    made = fact(
                        caller, "user.created", user.id, organization_id=None, at=now, after={"email": user.email}
                    )
                    await tx.audit.add(made)
                owner_id = user.id
            if owner_id is not None:
                await tx.members.add(Membership(organization_id=organization.id, user_id=owner_id, role=Role.OWNER))
            said = {**_told(organization), "owner": owner_id}
            await tx.audit.add(
                fact(
                    caller, "organization.created", organization.id, organization_id=organization.id, at=now,
                    after=said,
                )
            )  # fmt: skip
        return organization

    async def change(
        self, caller: Caller, organization: str, *, slug: str | None = None, name: str | None = None
    ) -> Organization:
        """Give an organization another name or slug; URLs with the old slug go on working, and nobody else gets it.

        Raises:
            NameTaken: the slug is in use, or was another organization's.
            Conflict: the slug was changed too often.
        """
        organization_id = caller.require(organization, Scope.ADMIN)
        caller.require_whole()
        now = self._clock()
        async with self._store.begin() as tx:
            before = await tx.organizations.get(organization_id)
            after = before.model_copy(
                update={
                    "slug": before.slug if slug is None else _checked_slug(slug),
                    "name": before.name if name is None else name,
                }
            )
            former = (await tx.organizations.former_slugs([before.id])).get(before.id, frozenset())
            if after.slug != before.slug and len(former - {after.slug}) >= MAX_FORMER_SLUGS:
                raise Conflict(f"'{before.slug}' had {MAX_FORMER_SLUGS} slugs before; it can take one of those again.")
            await tx.organizations.save(before, after)
            await tx.audit.add(
                fact(
                    caller, "organization.changed", before.id, organization_id=before.id, at=now,
                    before=_told(before), after=_told(after),
                )
            )  # fmt: skip
        return after

    async def delete(self, caller: Caller, organization: str, *, confirm: str | None) -> None:
        """Delete an organization with all of its `Contents`. The audit log stays.

        It is gone for everyone at once, and its keys are refused from the next request on; what may be millions, such
        as its runs, `finish_removals` deletes. Nobody ever gets its slugs, so that no URL leads to a stranger.

        Raises:
            RoleTooLow: the caller is not its owner (or the operator).
            DeletionUnconfirmed: `confirm` is not its slug; says what goes with it.
            Conflict: it is the one that every installation starts with.
        """
        organization_id = caller.require(organization, Scope.ADMIN)
        caller.require_whole()
        now = self._clock()
        async with self._store.begin() as tx:
            found = await tx.organizations.get(organization_id)
            role = await tx.members.role(organization_id, caller.user_id or UserId(""))
            check_owner(acting_role(caller, role), "delete an organization")
            if await tx.organizations.find(DEFAULT_SLUG) == found:
                raise Conflict("This is the organization that the installation starts with; it cannot be deleted.")
            contents = (await tx.organizations.contents(organization_id)).model_dump()
            if confirm != found.slug:
                raise DeletionUnconfirmed(found.slug, contents)
            await tx.organizations.remove(found, now)
            await tx.audit.add(
                fact(
                    caller, "organization.deleted", found.id, organization_id=found.id, at=now,
                    before={**_told(found), "contents": contents},
                )
            )  # fmt: skip

    async def finish_removals(self) -> None:
        """System's own: delete what removed organizations left, and what was in flight then and has ended since.

        May take long when there is much; it can be given up at any time and goes on the next time.
        """
        async with self._store.read() as tx:
            removals = await tx.organizations.removals()
        for removal in removals:
            has_more = True
            while has_more:
                has_more = await self._remove_some(removal)
                await anyio.sleep(PAUSE_S)

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
        return operator((found.id, found.slug), former_slugs=frozenset({organization}))

    async def ensure_default(self) -> Organization:
        """System's own: the organization every new installation starts with."""
        try:
            return await self.resolve(DEFAULT_SLUG)
        except OrganizationNotFound:
            return await self.create(operator(), DEFAULT_SLUG, "Default")

    async def _remove_some(self, removal: Removal) -> bool:
        # Cut short, it would leave its connection broken.
        with anyio.CancelScope(shield=True):
            async with self._store.begin() as tx:
                has_removed = await tx.organizations.remove_loose(removal.organization_id)
                if not has_removed and removal.is_over(self._clock()):
                    await tx.organizations.forget_removal(removal.organization_id)
        return has_removed


def _told(organization: Organization) -> JsonObject:
    return {"slug": organization.slug, "name": organization.name}


def _owner(email: str, now: datetime) -> User:
    try:
        checked = _EMAIL.validate_python(email)
    except ValidationError as error:
        raise FieldsInvalid([{"pointer": "/owner", "detail": "not an e-mail address"}]) from error
    return User(id=ids.user_id(now), email=checked, name=checked, created_at=now, verified_at=now)


def _checked_slug(slug: str) -> str:
    if not ids.is_slug(slug):
        fault: JsonObject = {"pointer": "/slug", "detail": ids.SLUG_RULE}
        raise FieldsInvalid([fault])
    return slug
