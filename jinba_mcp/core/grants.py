"""Grants: what a user may do in each of the organizations that they belong to."""

from collections.abc import Iterable

from jinba_mcp.domain.caller import Grant
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.scopes import Scope, effective, within_role
from jinba_mcp.storage.transaction import Transaction


async def of_user(tx: Transaction, user_id: UserId, scopes: Iterable[Scope]) -> tuple[Grant, ...]:
    """One for each membership: the scopes that were given, within the user's role there."""
    held = tuple(scopes)
    memberships = await tx.organizations.of_user(user_id)
    former = await tx.organizations.former_slugs([organization.id for organization, _ in memberships])
    return tuple(
        _grant(organization, within_role(held, role), former.get(organization.id, frozenset()))
        for organization, role in memberships
    )


async def of_organization(tx: Transaction, organization: Organization, scopes: Iterable[Scope]) -> tuple[Grant, ...]:
    """The one of an organization's own key."""
    former = await tx.organizations.former_slugs([organization.id])
    return (_grant(organization, effective(scopes), former.get(organization.id, frozenset())),)


def _grant(organization: Organization, scopes: frozenset[Scope], former: frozenset[str]) -> Grant:
    return Grant(
        organization_id=organization.id, organization_slug=organization.slug, scopes=scopes, former_slugs=former
    )
