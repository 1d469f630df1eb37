"""Members: what joins users to organizations, and who may change whose role."""

from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import OrganizationNotFound, OwnerMustStay, RoleTooLow
from jinba_mcp.domain.ids import OrganizationId, UserId
from jinba_mcp.domain.records import Record
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.users import User

MAX_MEMBERS = 1_000
"""Of an organization."""


class Membership(Record):
    """A user's role in one organization."""

    organization_id: OrganizationId
    user_id: UserId
    role: Role


class Member(Record):
    """A user as one organization sees them."""

    user: User
    role: Role


def acting_role(caller: Caller, role: Role | None) -> Role | None:
    """As what the caller acts on members: its user's `role` as it is now, an admin for a key, None for the operator.

    Raises:
        OrganizationNotFound: its user is no member any more.
    """
    if caller.is_operator:
        return None
    if caller.user_id is None:
        return Role.ADMIN
    if role is None:
        raise OrganizationNotFound(caller.user_id)
    return role


def check_grant(acting: Role | None, wanted: Role) -> None:
    """Whether `acting` (None: the operator) may give the role `wanted` to someone who has none yet.

    Raises:
        RoleTooLow: it is not below one's own.
    """
    if acting is not None and not acting.outranks(wanted):
        raise RoleTooLow(f"'{acting}' may give roles below its own only, and '{wanted}' is not.")


def check_change(acting: Role | None, current: Role, wanted: Role) -> None:
    """Whether `acting` may turn `current` into `wanted`, which is not the owner's: ownership is transferred.

    Raises:
        RoleTooLow: one of them is not below one's own.
        OwnerMustStay: the owner is to become something less.
    """
    if current is Role.OWNER:
        raise OwnerMustStay
    check_grant(acting, current)
    check_grant(acting, wanted)


def check_removal(acting: Role | None, current: Role, *, is_oneself: bool) -> None:
    """Whether `acting` may remove a member with the role `current`; oneself anyone may, but for the owner.

    Raises:
        RoleTooLow: it is not below one's own.
        OwnerMustStay: it is the owner.
    """
    if current is Role.OWNER:
        raise OwnerMustStay
    if not is_oneself:
        check_grant(acting, current)


def check_owner(acting: Role | None, doing: str) -> None:
    """Raises: RoleTooLow: `acting` is neither the owner nor the operator."""
    if acting not in (None, Role.OWNER):
        raise RoleTooLow(f"Only the owner may {doing}.")
