"""Organizations, users and what joins them."""

import pytest
from pydantic import ValidationError

from jinba_mcp.domain.members import Membership
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.users import User


@pytest.mark.parametrize("role", Role)
def test_a_membership_has_one_of_the_roles_that_there_are(role: Role) -> None:
    fields = {"organization_id": "org_1", "user_id": "user_1", "role": role.value}
    assert Membership.model_validate(fields).role is role
    with pytest.raises(ValidationError, match="role"):
        Membership.model_validate({**fields, "role": "king"})


@pytest.mark.parametrize(
    ("kind", "fields"), [(Organization, {"slug": "acme"}), (User, {"email": "a@example.com"})], ids=["org", "user"]
)
def test_when_they_came_to_be_is_an_instant_with_a_zone(kind: type[Organization], fields: dict[str, str]) -> None:
    common = {"id": "x_1", "name": "N", **fields}
    kept = kind.model_validate({**common, "created_at": "2026-11-21T21:00:00+09:00"})
    assert kept.created_at.isoformat() == "2026-11-21T12:00:00+00:00"
    with pytest.raises(ValidationError, match="without a zone"):
        kind.model_validate({**common, "created_at": "2026-11-21T12:00:00"})
