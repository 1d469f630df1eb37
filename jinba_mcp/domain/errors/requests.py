"""The request itself is wrong; repeating it will not help."""

from pydantic import JsonValue

from jinba_mcp.domain.errors.base import JinbaError
from jinba_mcp.domain.faults import sentence


class MethodNotAllowed(JinbaError):
    """The path exists, the method does not."""

    code = "method.not_allowed"


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


class ArchiveInvalid(Invalid):
    """A ZIP file that is not the folder of one ToolSet and nothing else; nothing of it was taken."""

    code = "archive.invalid"


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


class PackagesUnresolvable(Invalid):
    """The list of packages cannot be had together; the message names the one at fault and says why."""

    code = "packages.unresolvable"


class ConfirmationInvalid(Invalid):
    """A token that confirms a new account is good once, for a day, with the password that was chosen for it."""

    code = "confirmation.invalid"

    def __init__(self) -> None:
        super().__init__(
            "This token is used up, has expired or never was one, or the password is another than the one chosen when "
            "signing up. Sign up again for another token."
        )


class ResetInvalid(Invalid):
    """A token for a new password is good once, for an hour."""

    code = "reset.invalid"

    def __init__(self) -> None:
        super().__init__("This token is used up, has expired or never was one. Ask for another.")
