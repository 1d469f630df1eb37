"""Members: who belongs to an organization and as what. It has one owner at every moment."""

from jinba_mcp.clock import Clock
from jinba_mcp.core.audit import fact
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.members import (
    Member,
    Membership,
    acting_role,
    check_change,
    check_owner,
    check_removal,
)
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.domain.webhooks import member_removed
from jinba_mcp.storage.store import Store


class Members:
    """A change acts on the member's personal keys and sessions from their next request on."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def page(self, caller: Caller, organization: str, request: PageRequest) -> Page[Member]:
        """The organization's members; those who have an account for longer come first."""
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            return await tx.members.page(organization_id, request)

    async def set_role(self, caller: Caller, organization: str, user_id: str, role: Role) -> Member:
        """Give a member another role, below one's own; `owner` transfers the ownership, and its giver becomes an admin.

        Raises:
            MemberNotFound: no such member here.
            RoleTooLow: the member's role or the new one is not below one's own, or only the owner could do it.
            OwnerMustStay: the owner is to become something less.
        """
        organization_id = caller.require(organization, Scope.ADMIN)
        caller.require_whole()
        now = self._clock()
        async with self._store.begin() as tx:
            acting = acting_role(caller, await tx.members.role(organization_id, caller.user_id or UserId("")))
            member = await tx.members.get(organization_id, user_id)
            owner = await tx.members.find_owner(organization_id)
            changed = member.model_copy(update={"role": role})
            if role is Role.OWNER:
                check_owner(acting, "make another member the owner")
                if owner is not None:
                    await tx.members.save(
                        Membership(organization_id=organization_id, user_id=owner.user.id, role=Role.ADMIN)
                    )
            else:
                check_change(acting, member.role, role)
            await tx.members.save(Membership(organization_id=organization_id, user_id=member.user.id, role=role))
            await tx.audit.add(
                fact(
                    caller, "member.changed", member.user.id, organization_id=organization_id, at=now,
                    before={"role": member.role.value}, after={"role": role.value},
                )
            )  # fmt: skip
            if role is Role.OWNER and owner is not None and owner.user.id != member.user.id:
                await tx.audit.add(
                    fact(
                        caller, "member.changed", owner.user.id, organization_id=organization_id, at=now,
                        before={"role": "owner"}, after={"role": "admin"},
                    )
                )  # fmt: skip
        return changed

    async def remove(self, caller: Caller, organization: str, user_id: str) -> None:
        """End a membership: someone's with a role below one's own, or one's own, which is leaving.

        Raises:
            ScopeMissing: it is someone else's, and `admin` is not held.
            MemberNotFound: no such member here.
            RoleTooLow: the member's role is not below one's own.
            OwnerMustStay: it is the owner.
        """
        organization_id = caller.require(organization, *(Scope if user_id == caller.user_id else (Scope.ADMIN,)))
        is_oneself = user_id == caller.user_id
        if is_oneself:
            caller.require_user(Scope.ADMIN)
        caller.require_whole()
        now = self._clock()
        async with self._store.begin() as tx:
            acting = acting_role(caller, await tx.members.role(organization_id, caller.user_id or UserId("")))
            member = await tx.members.get(organization_id, user_id)
            check_removal(acting, member.role, is_oneself=is_oneself)
            await tx.members.remove(organization_id, member.user.id)
            await tx.deliveries.owe([member_removed(organization_id, member.user.id, now)])
            await tx.audit.add(
                fact(
                    caller, "member.removed", member.user.id, organization_id=organization_id, at=now,
                    before={"email": member.user.email, "role": member.role.value},
                )
            )  # fmt: skip
