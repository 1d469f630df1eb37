"""Refusals: who is asking is not known, or may not."""

from pydantic import JsonValue

from jinba_mcp.domain.errors.base import JinbaError, cut


class Unauthenticated(JinbaError):
    """The credential is missing or is not valid (any more)."""

    code = "key.invalid"


class KeyMissing(Unauthenticated):
    """The request carries no API key."""

    code = "key.missing"

    def __init__(self) -> None:
        super().__init__("No API key. Send 'Authorization: Bearer jtb_…' (or 'X-API-Key: jtb_…').")


class KeyMalformed(Unauthenticated):
    """What was sent is no Jinba key; a typo or a cut copy fails the checksum."""

    code = "key.malformed"

    def __init__(self) -> None:
        super().__init__("This is not a Jinba key: the checksum does not fit. Was it copied whole?")


class KeyUnknown(Unauthenticated):
    """The key was revoked or rotated out, or is of another installation."""

    code = "key.unknown"

    def __init__(self) -> None:
        super().__init__("This key is not known here, or was revoked. Create a new one.")


class KeyExpired(Unauthenticated):
    """The key has reached its `expiresAt`."""

    code = "key.expired"

    def __init__(self, expired_at: str) -> None:
        super().__init__(f"This key expired at {expired_at}. Create a new one.", expiredAt=expired_at)


class SignInFailed(Unauthenticated):
    """E-mail address, password or code are not right; which of them is not said."""

    code = "sign_in.failed"

    def __init__(self) -> None:
        super().__init__("E-mail address, password or code is wrong.")


class TotpNeeded(Unauthenticated):
    """The password is right, and the code of the second factor is asked for."""

    code = "totp.needed"

    def __init__(self) -> None:
        super().__init__("Send a code of your authenticator (or a recovery code) as 'code' as well.")


class SessionUnknown(Unauthenticated):
    """The session has ended or expired."""

    code = "session.unknown"

    def __init__(self) -> None:
        super().__init__("This session has ended. Sign in again.")


class Forbidden(JinbaError):
    """The caller is known and the object is the caller's, but this is not allowed."""

    code = "forbidden"


class ScopeMissing(Forbidden):
    """The key does not hold the scope that this needs; `required` and `held` say which."""

    code = "scope.missing"

    def __init__(self, required: str, held: list[str]) -> None:
        holds = ", ".join(held) or "none"
        super().__init__(
            f"This needs the scope '{required}'; this key holds: {holds}.",
            required=required,
            held=list[JsonValue](held),
        )


class AddressForbidden(Forbidden):
    """The key is limited to other networks (`allowedIps`)."""

    code = "key.address_forbidden"

    def __init__(self) -> None:
        super().__init__("This key may not be used from this IP address (see its allowedIps).")


class PersonalKeyNeeded(Forbidden):
    """This is done in the name of a user: with a personal key, or signed in."""

    code = "key.personal_needed"

    def __init__(self) -> None:
        super().__init__("This is a user's to do, and an organization key is nobody's. Use a personal key, or sign in.")


class NarrowingExceeded(Forbidden):
    """A narrowed key may not hand out more than it can use itself."""

    code = "key.narrowing_exceeded"

    def __init__(self) -> None:
        super().__init__("This key is narrowed (to ToolSets, tools or a rate), and cannot hand out more than that.")


class OperatorNeeded(Forbidden):
    """Only the command line on the machine may do this."""

    code = "operator.needed"

    def __init__(self) -> None:
        super().__init__("Only the operator may do this, on the machine itself.")


class PaymentRequired(JinbaError):
    """There are not the credits for it."""

    code = "payment.required"


class CreditsInsufficient(PaymentRequired):
    """The organization's balance is lower than the price of the tool; nothing ran."""

    code = "credits.insufficient"

    def __init__(self, balance: int, price: int) -> None:
        super().__init__(
            f"This run costs {price} credits, and {balance} are left. Ask the operator of this server for more.",
            balance=balance,
            price=price,
        )


class HostForbidden(Forbidden):
    """A Host header that this server does not go by: the mark of DNS rebinding, or a setting that is missing."""

    code = "host.forbidden"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"This server does not go by the name '{cut(host)}'. If it should, its operator adds it to "
            "JINBA_ALLOWED_HOSTS."
        )


class OriginForbidden(Forbidden):
    """A web page of another site is asking."""

    code = "origin.forbidden"

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"Web pages of '{cut(origin)}' may not call this server. If they should, its operator adds them to "
            "JINBA_ALLOWED_ORIGINS."
        )


class SessionNeeded(Forbidden):
    """This is done signed in, not with a key."""

    code = "session.needed"

    def __init__(self) -> None:
        super().__init__("This needs a signed-in user; keys cannot do it. Sign in with POST /v1/auth/sign-in.")


class PasswordWrong(Forbidden):
    """The signed-in user's password, which this asks for again, is another one."""

    code = "password.wrong"

    def __init__(self) -> None:
        super().__init__("This is not your password.")


class SignInInsecure(Forbidden):
    """Nobody signs in over plain http, but on the machine itself: the cookie could be read on its way."""

    code = "sign_in.insecure"

    def __init__(self) -> None:
        super().__init__("Sign in over https, or on the machine itself. Behind a proxy, set JINBA_PUBLIC_URL.")


class CsrfFailed(Forbidden):
    """A change that comes with a session's cookie must show that a page of this server asks for it."""

    code = "csrf.failed"

    def __init__(self) -> None:
        super().__init__("Send the session's csrfToken as X-CSRF-Token (GET /v1/auth/session tells it).")


class SignUpClosed(Forbidden):
    """The operator lets nobody sign up this way (`JINBA_SIGN_UP`)."""

    code = "sign_up.closed"


class RoleTooLow(Forbidden):
    """The role in this organization is not high enough for it."""

    code = "role.too_low"


class InvitationMismatch(Forbidden):
    """The invitation is for another e-mail address than the signed-in user's."""

    code = "invitation.other_address"

    def __init__(self) -> None:
        super().__init__("This invitation is for another e-mail address. Sign in as its user, or ask for a new one.")
