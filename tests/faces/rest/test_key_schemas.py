"""Keys in their wire forms."""

from datetime import UTC, datetime

from jinba_mcp.core.keys import IssuedKey, KeyTerms
from jinba_mcp.domain.ids import KeyId, OrganizationId
from jinba_mcp.domain.keys import Key, KeyKind
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.faces.rest.key_schemas import KeyIn, KeyPatchIn, issued_key_out, key_out

KEY = Key(
    id=KeyId("key_1"),
    kind=KeyKind.ORGANIZATION,
    organization_id=OrganizationId("org_1"),
    user_id=None,
    name="Laptop",
    prefix="jtb_abcd",
    scopes=(Scope.READ,),
    created_by="operator",
    created_at=datetime(2026, 11, 21, tzinfo=UTC),
)


def test_a_body_becomes_the_terms_of_a_key() -> None:
    body = KeyIn.read({"name": "k", "tools": ["a/b"], "expiresAt": "2027-01-01T00:00:00Z"})
    assert body.terms() == KeyTerms(name="k", tools=("a/b",), expires_at=datetime(2027, 1, 1, tzinfo=UTC))


def test_a_patch_is_only_what_was_given_null_included() -> None:
    changes = KeyPatchIn.read({"tools": None, "expiresAt": "2027-01-01T00:00:00Z"}).changes()
    assert changes.keys() == {"tools", "expires_at"}
    assert KeyTerms.model_validate({"name": "k", **changes}).expires_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_every_term_can_be_given_and_changed() -> None:
    assert KeyIn.model_fields.keys() == KeyPatchIn.model_fields.keys() == KeyTerms.model_fields.keys()


def test_a_key_shows_all_but_its_revocation() -> None:
    assert key_out(KEY).model_dump().keys() == Key.model_fields.keys() - {"revoked_at"}


def test_an_issued_key_has_the_secret_beside_the_record() -> None:
    issued = issued_key_out(IssuedKey(key=KEY, secret="jtb_secret"), "http://h", "http://h/mcp")
    assert issued.model_dump().items() >= key_out(KEY).model_dump().items()
    assert (issued.key, issued.api_base_url) == ("jtb_secret", "http://h/v1")
    assert issued.mcp_json["mcpServers"]["jinba"]["url"] == "http://h/mcp"  # type: ignore[index,call-overload]  # JSON
