"""The wire forms of users: signing up and in, sessions, passwords and second factors."""

from typing import Annotated

from pydantic import Field

from jinba_mcp.domain.passwords import MAX_LENGTH, MIN_LENGTH
from jinba_mcp.domain.sessions import Session
from jinba_mcp.domain.users import MAX_EMAIL_LENGTH, MAX_NAME_LENGTH, Email, PersonName, User
from jinba_mcp.faces.rest.wire import In, Instant, Out, PageOut, Text, WithoutNul

MAX_TOKEN_LENGTH = 200

EmailIn = Annotated[Email, Field(examples=["ada@example.com"])]
NameIn = Annotated[PersonName, Field(examples=["Ada Lovelace"], max_length=MAX_NAME_LENGTH)]
PasswordIn = Annotated[
    str, Field(min_length=1, max_length=MAX_LENGTH, json_schema_extra={"format": "password", "writeOnly": True})
]
NewPasswordIn = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_LENGTH,
        description=f"At least {MIN_LENGTH} characters, and not among the first guesses.",
        json_schema_extra={"format": "password", "writeOnly": True},
    ),
]
CodeIn = Annotated[
    Text,
    Field(min_length=1, max_length=50, description="Of the authenticator, or a recovery code.", examples=["123456"]),
]
TokenIn = Annotated[Text, Field(min_length=1, max_length=MAX_TOKEN_LENGTH)]


class SignUpIn(In):
    """A new account."""

    email: EmailIn
    name: NameIn
    password: NewPasswordIn


class SignInIn(In):
    """Who signs in; the code only with a second factor."""

    email: Annotated[str, Field(min_length=1, max_length=MAX_EMAIL_LENGTH, examples=["ada@example.com"]), WithoutNul()]
    password: PasswordIn
    code: CodeIn | None = None


class UserOut(Out):
    """A user."""

    id: str
    email: str
    name: str
    created_at: Instant


class UserPatchIn(In):
    """What to be called."""

    name: NameIn


class SessionOut(Out):
    """A sign-in."""

    id: str
    client: Annotated[str, Field(description="What the browser calls itself.")]
    address: Annotated[str | None, Field(description="Where it signed in from.")]
    is_current: Annotated[bool, Field(description="Whether it is the one of this request.")]
    created_at: Instant
    last_used_at: Instant
    expires_at: Annotated[Instant, Field(description="When it ends if it is not used again.")]


class SessionPage(PageOut[SessionOut]):
    """Sessions, newest first."""


class SignedInOut(Out):
    """The session of this browser; its token is in the cookie only."""

    user: UserOut
    session: SessionOut
    csrf_token: Annotated[
        str,
        Field(
            description="To be sent as `X-CSRF-Token` with what changes something, "
            "unless the browser says `Sec-Fetch-Site: same-origin`."
        ),
    ]
    has_second_factor: bool


class PasswordChangeIn(In):
    """From the password that is to the one that will be."""

    current_password: PasswordIn
    password: NewPasswordIn


class ResetWantedIn(In):
    """Whose password to set anew."""

    email: EmailIn


class ConfirmationIn(In):
    """The token that was mailed to a new account's address, and the password that was chosen for it."""

    token: TokenIn
    password: NewPasswordIn


class ResetIn(In):
    """A new password, with the token that was mailed or printed."""

    token: TokenIn
    password: NewPasswordIn


class PasswordConfirmationIn(In):
    """The password once more, for what matters most."""

    password: PasswordIn


class NewTotpOut(Out):
    """What an authenticator is told, this one time."""

    secret: Annotated[str, Field(description="To be typed, in base32.")]
    uri: Annotated[str, Field(description="To be scanned, as a QR code.", examples=["otpauth://totp/…"])]


class TotpConfirmationIn(In):
    """The first code of a new second factor."""

    code: CodeIn


class TotpRemovalIn(In):
    """What it takes to do without a second factor from now on."""

    password: PasswordIn
    code: CodeIn


class RecoveryCodesOut(Out):
    """Codes for when the authenticator is lost, shown this one time; each is good once."""

    recovery_codes: list[str]


def user_out(record: User) -> UserOut:
    return UserOut(**record.model_dump(exclude={"verified_at"}))


def session_out(record: Session, current_id: str | None) -> SessionOut:
    return SessionOut(
        **record.model_dump(exclude={"user_id"}), expires_at=record.expires_at, is_current=record.id == current_id
    )
