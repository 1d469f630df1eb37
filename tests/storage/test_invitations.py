"""Invitations on both databases."""

from datetime import datetime, timedelta
from typing import Any

from jinba_mcp.domain import ids
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.invitations import LIFETIME, Invitation
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.scopes import Role
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW, a_digest, moment, stored_organization


def an_invitation(
    organization_id: str, email: str = "alice@example.com", at: datetime = NOW, **changes: Any
) -> Invitation:
    return Invitation(
        id=ids.invitation_id(at),
        organization_id=OrganizationId(organization_id),
        email=email,
        role=Role.MEMBER,
        invited_by="operator",
        created_at=at,
        expires_at=at + LIFETIME,
    ).model_copy(update=changes)


async def test_an_invitation_is_found_by_its_digest_until_it_expires(store: Store) -> None:
    organization = await stored_organization(store)
    invitation, digest = an_invitation(organization.id), a_digest()
    async with store.begin() as tx:
        await tx.invitations.add(invitation, digest)
    async with store.read() as tx:
        assert await tx.invitations.find_by_digest(digest, NOW) == invitation
        assert await tx.invitations.find_by_digest(digest, NOW + LIFETIME) is None
        assert await tx.invitations.find_by_digest(a_digest(), NOW) is None
        assert await tx.invitations.count(organization.id, NOW) == 1
        assert await tx.invitations.count(organization.id, NOW + LIFETIME) == 0


async def test_inviting_again_ends_the_one_before_in_the_same_organization_only(store: Store) -> None:
    acme, other = await stored_organization(store), await stored_organization(store, "other")
    first, second, elsewhere = a_digest(), a_digest(), a_digest()
    async with store.begin() as tx:
        await tx.invitations.add(an_invitation(acme.id), first)
        await tx.invitations.add(an_invitation(other.id), elsewhere)
        await tx.invitations.add(an_invitation(acme.id, "ALICE@example.com", moment(1)), second)
    async with store.read() as tx:
        assert await tx.invitations.find_by_digest(first, NOW) is None
        assert await tx.invitations.find_by_digest(second, NOW) is not None
        assert await tx.invitations.find_by_digest(elsewhere, NOW) is not None


async def test_an_invitation_is_taken_once_and_by_its_own_organization(store: Store) -> None:
    acme, other = await stored_organization(store), await stored_organization(store, "other")
    invitation = an_invitation(acme.id)
    async with store.begin() as tx:
        await tx.invitations.add(invitation, a_digest())
        assert await tx.invitations.take(other.id, invitation.id) is None
        assert await tx.invitations.take(acme.id, invitation.id) == invitation
        assert await tx.invitations.take(acme.id, invitation.id) is None


async def test_open_invitations_come_in_pages_newest_first(store: Store) -> None:
    acme = await stored_organization(store)
    made = [an_invitation(acme.id, f"user{n}@example.com", moment(n)) for n in range(3)]
    async with store.begin() as tx:
        for invitation in made:
            await tx.invitations.add(invitation, a_digest())
    async with store.read() as tx:
        first = await tx.invitations.page(acme.id, NOW, PageRequest(limit=2))
        second = await tx.invitations.page(acme.id, NOW, PageRequest(limit=2, after=first.next_cursor))
        later = await tx.invitations.page(acme.id, made[0].expires_at + timedelta(milliseconds=1), PageRequest())
    assert [*first.items, *second.items] == made[::-1]
    assert list(later.items) == made[:0:-1]
