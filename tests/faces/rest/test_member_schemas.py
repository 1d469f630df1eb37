"""Members and invitations in their wire forms."""

import pytest

from jinba_mcp.domain.errors import FieldsInvalid
from jinba_mcp.domain.members import Member
from jinba_mcp.domain.scopes import Role
from jinba_mcp.faces.rest.member_schemas import (
    InvitationIn,
    RoleIn,
    invitation_out,
    issued_invitation_out,
    member_out,
    offer_out,
)
from tests.storage.records import a_user, an_organization
from tests.storage.test_invitations import an_invitation


def test_a_member_is_a_user_with_a_role() -> None:
    user = a_user()
    shown = member_out(Member(user=user, role=Role.ADMIN)).model_dump(by_alias=True)
    assert shown == {"userId": user.id, "email": "alice@example.com", "name": "Alice", "role": Role.ADMIN}


def test_an_invitation_has_its_link_in_its_first_answer_only() -> None:
    invitation = an_invitation("org_1")
    assert "link" not in invitation_out(invitation).model_dump()
    assert issued_invitation_out(invitation, "https://x/v1/invitations/t").link == "https://x/v1/invitations/t"


def test_who_holds_the_token_sees_what_it_is_to_and_no_id() -> None:
    shown = offer_out(an_invitation("org_1"), an_organization()).model_dump(by_alias=True)
    assert shown.keys() == {"organization", "organizationName", "email", "role", "expiresAt"}


def test_a_role_is_one_of_three_and_an_address_is_one() -> None:
    with pytest.raises(FieldsInvalid):
        RoleIn.read({"role": "king"})
    with pytest.raises(FieldsInvalid):
        RoleIn.read({})
    with pytest.raises(FieldsInvalid):
        InvitationIn.read({"email": "eve"})
    assert InvitationIn.read({"email": "eve@example.com"}).role is Role.MEMBER
