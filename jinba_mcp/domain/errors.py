"""Every error that a caller may see, by family.

JinbaError
├ Unauthenticated      who are you?            key missing, malformed, unknown, expired, revoked
├ Forbidden            you may not             scope or role missing
├ NotFound             no such thing for you   unknown, or another tenant's
├ Conflict             not in this state       taken name, number already published, stale edit
├ Invalid              the request is wrong    bad JSON, bad field, arguments that do not fit the schema
├ MethodNotAllowed     the path exists, the method does not
├ NotAcceptable        the client accepts nothing that we would answer with
├ MediaTypeUnsupported the body is of a type we do not read
├ TooLarge             over a size limit
├ LimitExceeded        too much, for now
├ Unavailable          we cannot, for now      no engine for this code, shutting down
└ Internal             our fault

A class carries a stable `code` (also the anchor of its section in README.md) and a family; statuses of any wire live in
the faces. `message` is a public sentence that says what to do next: secrets and internals never enter it.
"""

from typing import ClassVar

from pydantic import JsonValue

from jinba_mcp.domain.faults import sentence

_SHOWN_NAME_LENGTH = 80


class JinbaError(Exception):
    """Root of the tree: `message` for the caller, `details` as data beside it."""

    code: ClassVar[str]

    def __init__(self, message: str, **details: JsonValue) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


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
    """Personal keys are managed with a personal key."""

    code = "key.personal_needed"

    def __init__(self) -> None:
        super().__init__("Only a personal key has personal keys; this is an organization key.")


class NarrowingExceeded(Forbidden):
    """A narrowed key may not hand out more than it can use itself."""

    code = "key.narrowing_exceeded"

    def __init__(self) -> None:
        super().__init__("This key is narrowed to some ToolSets or tools; the other key must be within the same.")


class OperatorNeeded(Forbidden):
    """Only the command line on the machine may do this."""

    code = "operator.needed"

    def __init__(self) -> None:
        super().__init__("Only the operator may do this, on the machine itself.")


class HostForbidden(Forbidden):
    """A Host header that this server does not go by: the mark of DNS rebinding, or a setting that is missing."""

    code = "host.forbidden"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"This server does not go by the name '{_cut(host)}'. If it should, its operator adds it to "
            "JINBA_ALLOWED_HOSTS."
        )


class OriginForbidden(Forbidden):
    """A web page of another site is asking."""

    code = "origin.forbidden"

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"Web pages of '{_cut(origin)}' may not call this server. If they should, its operator adds them to "
            "JINBA_ALLOWED_ORIGINS."
        )


class NotFound(JinbaError):
    """Unknown, or somebody else's; the two look the same on purpose."""

    code = "not_found"

    def __init__(self, name: str, hint: str = "") -> None:
        noun = self.code.partition(".")[0].replace("toolset", "ToolSet")
        super().__init__(f"There is no {noun} '{_cut(name)}' here.{' ' + hint if hint else ''}")


class OrganizationNotFound(NotFound):
    """No organization of that id or slug that this key belongs to."""

    code = "organization.not_found"


class UserNotFound(NotFound):
    """No user of that e-mail address."""

    code = "user.not_found"


class ToolSetNotFound(NotFound):
    """No ToolSet of that slug that this key may see."""

    code = "toolset.not_found"


class ToolNotFound(NotFound):
    """The ToolSet has no such tool in this version, or the key is narrowed away from it."""

    code = "tool.not_found"


class VersionNotFound(NotFound):
    """That number was never published, or nothing is active yet."""

    code = "version.not_found"


class RunNotFound(NotFound):
    """No run of that id in this organization that this key may see."""

    code = "run.not_found"


class KeyNotFound(NotFound):
    """No unrevoked key of that id here."""

    code = "key.not_found"


class EndpointNotFound(NotFound):
    """No such path, or no MCP endpoint for this key: unknown, not yours, or MCP is off."""

    code = "endpoint.not_found"


class MethodNotAllowed(JinbaError):
    """The path exists, the method does not."""

    code = "method.not_allowed"


class Conflict(JinbaError):
    """The request is fine, the state of things is not."""

    code = "conflict"


class NameTaken(Conflict):
    """The name is in use; names are unique."""

    code = "name.taken"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"There is already a {noun} '{name}'. Choose another name.")


class VersionExists(Conflict):
    """A new version number must exceed the latest."""

    code = "version.exists"

    def __init__(self, number: str, latest: str) -> None:
        super().__init__(f"Version {number} cannot be published: it must exceed the latest, {latest}.", latest=latest)


class VersionUnchanged(Conflict):
    """The draft is what the latest version holds already."""

    code = "version.unchanged"

    def __init__(self, number: str) -> None:
        super().__init__(f"Nothing changed since version {number}, so there is nothing to publish.")


class DraftEmpty(Conflict):
    """A ToolSet without tools cannot be published."""

    code = "draft.empty"

    def __init__(self, slug: str) -> None:
        super().__init__(f"The draft of '{slug}' has no tools; add one before you publish.")


class VersionYanked(Conflict):
    """A yanked version is never active again; it runs when pinned."""

    code = "version.yanked"

    def __init__(self, number: str) -> None:
        super().__init__(f"Version {number} is yanked: it runs only when pinned and cannot be activated.")


class Invalid(JinbaError):
    """The request itself is wrong; repeating it will not help."""

    code = "request.invalid"


class MalformedBody(Invalid):
    """The body is not what was announced: broken JSON, not UTF-8, nested too deep, or not an object."""

    code = "request.malformed"


class CredentialsConflict(Invalid):
    """The request carries two different keys."""

    code = "key.conflict"

    def __init__(self) -> None:
        super().__init__("Authorization and X-API-Key carry two different keys. Send one.")


class FieldsInvalid(Invalid):
    """One entry in `errors` per fault: a JSON `pointer` and a `detail` sentence."""

    def __init__(self, errors: list[dict[str, JsonValue]], message: str = "") -> None:
        count = len(errors)
        text = message or f"{count} field{'' if count == 1 else 's'} of the request cannot be used."
        super().__init__(text, errors=list[JsonValue](errors))


class ArgumentsInvalid(FieldsInvalid):
    """The arguments do not fit the tool's input schema; the refused call is still a recorded run."""

    code = "arguments.invalid"

    def __init__(self, tool: str, errors: list[dict[str, JsonValue]], run_id: str) -> None:
        super().__init__(errors, f"The arguments do not fit the input schema of '{tool}': {sentence(errors)}")
        self.details["runId"] = run_id


class SchemaInvalid(Invalid):
    """Not a usable JSON Schema 2020-12; schemas may refer only to themselves."""

    code = "schema.invalid"


class CursorInvalid(Invalid):
    """Cursors come from `nextCursor` and go back unchanged."""

    code = "cursor.invalid"

    def __init__(self) -> None:
        super().__init__("This cursor is not one that this list gave out. Start again without a cursor.")


class FolderInvalid(Invalid):
    """A ToolSet folder that cannot be read; the message names file, field and fault."""

    code = "folder.invalid"


class ToolCodeInvalid(Invalid):
    """Submitted tool code that cannot be loaded or described."""

    code = "tool.code_invalid"


class TooLarge(JinbaError):
    """Over a size limit, named in the message."""

    code = "request.too_large"


class MediaTypeUnsupported(JinbaError):
    """The body is of a type that this operation does not read."""

    code = "request.media_type"


class NotAcceptable(JinbaError):
    """The client accepts no type that this operation answers with."""

    code = "request.not_acceptable"


class LimitExceeded(JinbaError):
    """Too many at once or in a period; try again later."""

    code = "limit.exceeded"


class Unavailable(JinbaError):
    """Not possible at the moment, through no fault of the request."""

    code = "unavailable"


class SandboxUnavailable(Unavailable):
    """No engine of this server may run this code; untrusted code is never run without a sandbox."""

    code = "sandbox.unavailable"


class ShuttingDown(Unavailable):
    """The server is going down and takes no new calls."""

    code = "server.shutting_down"

    def __init__(self) -> None:
        super().__init__("The server is shutting down. Send the request again in a moment.")


class Internal(JinbaError):
    """Our fault. The cause is in the log under the request id, never in the answer."""

    code = "internal"

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side. The request id helps to find it in the log.")


def _cut(name: str) -> str:
    return name if len(name) <= _SHOWN_NAME_LENGTH else name[: _SHOWN_NAME_LENGTH - 1] + "…"
