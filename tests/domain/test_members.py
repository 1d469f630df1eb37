"""Who may change whose role: every pair of roles."""

import pytest

from jinba_mcp.domain.caller import Caller, CallerKind, operator
from jinba_mcp.domain.errors import OrganizationNotFound, OwnerMustStay, RoleTooLow
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.members import acting_role, check_change, check_grant, check_owner, check_removal
from jinba_mcp.domain.scopes import Role

BELOW = {
    None: set(Role),
    Role.OWNER: {Role.ADMIN, Role.MEMBER},
    Role.ADMIN: {Role.MEMBER},
    Role.MEMBER: set[Role](),
}


@pytest.mark.parametrize("acting", [None, *Role])
@pytest.mark.parametrize("wanted", Role)
def test_roles_are_given_below_ones_own(acting: Role | None, wanted: Role) -> None:
    if wanted in BELOW[acting]:
        check_grant(acting, wanted)
    else:
        with pytest.raises(RoleTooLow):
            check_grant(acting, wanted)


@pytest.mark.parametrize("acting", [None, *Role])
@pytest.mark.parametrize("current", [Role.ADMIN, Role.MEMBER])
@pytest.mark.parametrize("wanted", [Role.ADMIN, Role.MEMBER])
def test_a_change_needs_both_roles_below_ones_own(acting: Role | None, current: Role, wanted: Role) -> None:
    if {current, wanted} <= BELOW[acting]:
        check_change(acting, current, wanted)
    else:
        with pytest.raises(RoleTooLow):
            check_change(acting, current, wanted)


@pytest.mark.parametrize("acting", [None, *Role])
def test_nobody_makes_the_owner_less_or_removes_them(acting: Role | None) -> None:
    with pytest.raises(OwnerMustStay):
        check_change(acting, Role.OWNER, Role.MEMBER)
    for is_oneself in (True, False):
        with pytest.raises(OwnerMustStay):
            check_removal(acting, Role.OWNER, is_oneself=is_oneself)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER])
def test_anyone_but_the_owner_may_leave(role: Role) -> None:
    check_removal(role, role, is_oneself=True)
    with pytest.raises(RoleTooLow):
        check_removal(role, role, is_oneself=False)


def test_what_only_the_owner_does_the_operator_does_as_well() -> None:
    for acting in (None, Role.OWNER):
        check_owner(acting, "do it")
    for acting in (Role.ADMIN, Role.MEMBER):
        with pytest.raises(RoleTooLow, match="do it"):
            check_owner(acting, "do it")


def test_a_key_acts_as_an_admin_and_a_user_as_what_they_are_now() -> None:
    key = Caller(kind=CallerKind.ORGANIZATION_KEY, grants=())
    user = Caller(kind=CallerKind.SESSION, grants=(), user_id=UserId("user_1"))
    assert acting_role(operator(), None) is None
    assert acting_role(key, None) is Role.ADMIN
    assert acting_role(user, Role.MEMBER) is Role.MEMBER
    with pytest.raises(OrganizationNotFound):
        acting_role(user, None)
