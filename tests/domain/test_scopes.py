"""Scopes and roles: what implies what."""

import pytest

from jinba_mcp.domain.scopes import ALL_SCOPES, DEFAULT_SCOPES, Role, Scope, effective, within_role

BELOW_ADMIN = ALL_SCOPES - {Scope.ADMIN}


def test_admin_implies_the_other_three() -> None:
    assert effective([Scope.ADMIN]) == {Scope.READ, Scope.WRITE, Scope.EXECUTE, Scope.ADMIN}


@pytest.mark.parametrize("scope", sorted(BELOW_ADMIN))
def test_no_other_scope_implies_anything(scope: Scope) -> None:
    assert effective([scope]) == {scope}


def test_no_scopes_are_no_scopes() -> None:
    assert effective([]) == frozenset()


def test_a_new_key_reads_and_executes() -> None:
    assert set(DEFAULT_SCOPES) == {Scope.READ, Scope.EXECUTE}


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
def test_owners_and_admins_lend_their_keys_every_scope(role: Role) -> None:
    assert within_role([Scope.ADMIN], role) == ALL_SCOPES
    assert within_role([Scope.READ], role) == {Scope.READ}


def test_a_members_key_never_goes_beyond_the_member() -> None:
    assert within_role([Scope.ADMIN], Role.MEMBER) == BELOW_ADMIN
    assert within_role([Scope.WRITE], Role.MEMBER) == {Scope.WRITE}
