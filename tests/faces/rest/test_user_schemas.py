"""Users and sessions in their wire forms: what goes in, and what never comes out."""

import pytest

from jinba_mcp.domain.errors import FieldsInvalid
from jinba_mcp.domain.ids import UserId
from jinba_mcp.faces.rest.user_schemas import SignInIn, SignUpIn, TotpConfirmationIn, session_out, user_out
from tests.storage.records import NOW, a_user
from tests.storage.test_sessions import a_session


def test_a_user_comes_without_what_is_ours_to_know() -> None:
    user = a_user().model_copy(update={"verified_at": NOW})
    assert user_out(user).model_dump(by_alias=True).keys() == {"id", "email", "name", "createdAt"}


def test_a_session_says_whether_it_is_this_one_and_when_it_ends() -> None:
    session = a_session(UserId("user_1"))
    shown = session_out(session, session.id).model_dump(mode="json", by_alias=True)
    assert shown["isCurrent"] is True
    assert shown["expiresAt"] == "2026-03-15T12:00:00.123Z"
    assert "userId" not in shown
    assert session_out(session, None).is_current is False


def test_passwords_are_marked_as_such_in_the_document() -> None:
    described = SignUpIn.model_json_schema()["properties"]["password"]
    assert (described["format"], described["writeOnly"], described["maxLength"]) == ("password", True, 1_000)


def test_a_code_is_short() -> None:
    with pytest.raises(FieldsInvalid):
        TotpConfirmationIn.read({"code": "1" * 51})


def test_whoever_could_sign_up_can_sign_in() -> None:
    longest = "a" * 64 + "@" + "b" * 185 + ".com"
    SignUpIn.read({"email": longest, "name": "Ada", "password": "p" * 12})
    assert SignInIn.read({"email": longest, "password": "p"}).email == longest
