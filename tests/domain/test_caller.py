"""Who may do what where: the organization is looked at before the scope, and narrowing after both."""

import pytest

from jinba_mcp.domain.caller import Caller, CallerKind, Grant, operator
from jinba_mcp.domain.errors import OperatorNeeded, OrganizationNotFound, ScopeMissing
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.scopes import ALL_SCOPES, Scope, effective

OURS = OrganizationId("org_1")
ALSO_OURS = OrganizationId("org_2")
THEIRS = OrganizationId("org_9")


def holding(*scopes: Scope, **fields: object) -> Caller:
    grant = Grant(organization_id=OURS, organization_slug="ours", scopes=effective(scopes))
    return Caller.model_validate({"kind": CallerKind.ORGANIZATION_KEY, "grants": (grant,), **fields})


def in_two(first: frozenset[Scope], second: frozenset[Scope]) -> Caller:
    return Caller(
        kind=CallerKind.PERSONAL_KEY,
        grants=(
            Grant(organization_id=OURS, organization_slug="ours", scopes=first),
            Grant(organization_id=ALSO_OURS, organization_slug="also-ours", scopes=second),
        ),
    )


@pytest.mark.parametrize("name", ["org_1", "ours"])
def test_an_organization_is_named_by_id_or_slug(name: str) -> None:
    assert holding(Scope.READ).require(name, Scope.READ) == OURS


@pytest.mark.parametrize("name", ["org_9", "theirs", "", "OURS", "org_"])
@pytest.mark.parametrize("scope", Scope)
def test_another_organization_is_not_found_whatever_the_scope(name: str, scope: Scope) -> None:
    with pytest.raises(OrganizationNotFound):
        holding(Scope.ADMIN).require(name, scope)
    with pytest.raises(OrganizationNotFound):
        holding().require(name, scope)


@pytest.mark.parametrize("held", Scope)
@pytest.mark.parametrize("needed", Scope)
def test_a_scope_lets_in_where_it_is_needed_and_admin_everywhere(held: Scope, needed: Scope) -> None:
    caller = holding(held)
    if held in (needed, Scope.ADMIN):
        assert caller.require("ours", needed) == OURS
    else:
        with pytest.raises(ScopeMissing) as refused:
            caller.require("ours", needed)
        assert refused.value.details == {"required": needed.value, "held": [held.value]}


def test_one_of_several_scopes_is_enough() -> None:
    assert holding(Scope.EXECUTE).require("ours", Scope.READ, Scope.EXECUTE) == OURS


def test_the_refusal_names_the_scopes_needed_and_held() -> None:
    with pytest.raises(ScopeMissing) as refused:
        holding(Scope.WRITE, Scope.READ).require("ours", Scope.EXECUTE, Scope.ADMIN)
    assert refused.value.details == {"required": "execute or admin", "held": ["read", "write"]}
    assert "'execute or admin'" in refused.value.message
    assert "read, write" in refused.value.message


def test_a_scope_in_one_organization_does_nothing_in_another() -> None:
    caller = in_two(frozenset({Scope.READ}), frozenset({Scope.WRITE}))
    assert caller.require("also-ours", Scope.WRITE) == ALSO_OURS
    with pytest.raises(ScopeMissing):
        caller.require("ours", Scope.WRITE)


def test_held_anywhere_means_held_in_at_least_one_organization() -> None:
    caller = in_two(frozenset({Scope.READ}), frozenset({Scope.EXECUTE}))
    assert caller.scopes == {Scope.READ, Scope.EXECUTE}
    caller.require_anywhere(Scope.EXECUTE)
    with pytest.raises(ScopeMissing):
        caller.require_anywhere(Scope.WRITE, Scope.ADMIN)


def test_home_is_the_first_organization_with_the_scope() -> None:
    caller = in_two(frozenset({Scope.READ}), frozenset({Scope.READ, Scope.EXECUTE}))
    assert caller.home(Scope.EXECUTE).organization_id == ALSO_OURS
    assert caller.home(Scope.READ).organization_id == OURS
    with pytest.raises(ScopeMissing):
        caller.home(Scope.WRITE)


def test_a_caller_without_organizations_holds_nothing() -> None:
    caller = Caller(kind=CallerKind.PERSONAL_KEY, grants=())
    assert caller.scopes == frozenset()
    with pytest.raises(ScopeMissing, match="none"):
        caller.home(Scope.READ)
    with pytest.raises(OrganizationNotFound):
        caller.require("ours", Scope.READ)


def test_a_caller_belongs_where_it_has_a_grant() -> None:
    caller = holding()
    assert caller.belongs_to(OURS)
    assert not caller.belongs_to(THEIRS)


def test_no_key_is_the_operator_not_even_with_every_scope() -> None:
    for kind in (CallerKind.ORGANIZATION_KEY, CallerKind.PERSONAL_KEY):
        caller = holding(Scope.ADMIN, kind=kind)
        assert not caller.is_operator
        with pytest.raises(OperatorNeeded):
            caller.require_operator()


def test_the_operator_holds_every_scope_in_the_organizations_given_and_is_let_in() -> None:
    caller = operator((OURS, "ours"), (ALSO_OURS, "also-ours"))
    caller.require_operator()
    assert caller.scopes == ALL_SCOPES
    assert caller.require("also-ours", Scope.ADMIN) == ALSO_OURS
    assert caller.may_use("anything", "at-all")
    with pytest.raises(OrganizationNotFound):
        caller.require("theirs", Scope.READ)


def test_a_key_that_is_not_narrowed_may_use_everything() -> None:
    assert holding().may_use("text-tools")
    assert holding().may_use("text-tools", "slugify")


@pytest.mark.parametrize(
    ("toolsets", "tools", "asked", "is_allowed"),
    [
        ({"a"}, None, ("a",), True),
        ({"a"}, None, ("a", "any"), True),
        ({"a"}, None, ("b",), False),
        ({"a"}, None, ("b", "any"), False),
        (set(), None, ("a",), False),
        (None, {"a/x"}, ("a",), True),
        (None, {"a/x"}, ("a", "x"), True),
        (None, {"a/x"}, ("a", "y"), False),
        (None, {"a/x"}, ("b",), False),
        (None, {"a/x"}, ("b", "x"), False),
        (None, set(), ("a",), False),
        (None, set(), ("a", "x"), False),
        (None, {"ab/x"}, ("a",), False),
        ({"a"}, {"a/x", "b/x"}, ("a", "x"), True),
        ({"a"}, {"a/x", "b/x"}, ("a", "y"), False),
        ({"a"}, {"a/x", "b/x"}, ("b", "x"), False),
        ({"a"}, {"a/x", "b/x"}, ("b",), False),
        ({"a"}, {"b/x"}, ("a",), False),
    ],
)
def test_both_narrowings_must_leave_a_tool_in(
    toolsets: set[str] | None, tools: set[str] | None, asked: tuple[str, ...], *, is_allowed: bool
) -> None:
    assert holding(Scope.ADMIN, toolsets=toolsets, tools=tools).may_use(*asked) is is_allowed
