"""What is asked for is not there, or not in a state for it."""

from pydantic import JsonValue

from jinba_mcp.domain.errors.base import JinbaError, cut


class NotFound(JinbaError):
    """Unknown, or somebody else's; the two look the same on purpose."""

    code = "not_found"

    def __init__(self, name: str, hint: str = "") -> None:
        noun = self.code.partition(".")[0].replace("toolset", "ToolSet")
        super().__init__(f"There is no {noun} '{cut(name)}' here.{' ' + hint if hint else ''}")


class OrganizationNotFound(NotFound):
    """No organization of that id or slug that this key belongs to."""

    code = "organization.not_found"


class UserNotFound(NotFound):
    """No user of that e-mail address."""

    code = "user.not_found"


class MemberNotFound(NotFound):
    """The organization has no such member."""

    code = "member.not_found"


class InvitationNotFound(NotFound):
    """No open invitation of that id or token: unknown, accepted, withdrawn or expired."""

    code = "invitation.not_found"

    def __init__(self, name: str = "") -> None:
        super().__init__(name or "of this token", "It was accepted or withdrawn, or has expired; ask for a new one.")


class SessionNotFound(NotFound):
    """The user has no session of that id."""

    code = "session.not_found"


class ToolSetNotFound(NotFound):
    """No ToolSet of that slug that this key may see."""

    code = "toolset.not_found"


class ToolNotFound(NotFound):
    """The ToolSet has no such tool in this version, or the key is narrowed away from it."""

    code = "tool.not_found"


class VersionNotFound(NotFound):
    """That number was never published, or nothing is active yet."""

    code = "version.not_found"


class EnvNotFound(NotFound):
    """The ToolSet has no environment variable of that key."""

    code = "env.not_found"


class RunNotFound(NotFound):
    """No run of that id in this organization that this key may see."""

    code = "run.not_found"


class KeyNotFound(NotFound):
    """No unrevoked key of that id here."""

    code = "key.not_found"


class WebhookNotFound(NotFound):
    """The organization has no webhook of that id."""

    code = "webhook.not_found"


class DeliveryNotFound(NotFound):
    """The webhook has no delivery of that id, or none any more."""

    code = "delivery.not_found"


class EndpointNotFound(NotFound):
    """No such path, or no MCP endpoint for this key: unknown, not yours, or MCP is off."""

    code = "endpoint.not_found"


class Conflict(JinbaError):
    """The request is fine, the state of things is not."""

    code = "conflict"


class NameTaken(Conflict):
    """The name is in use; names are unique."""

    code = "name.taken"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"There is already a {noun} '{name}'. Choose another name.")


class CountExceeded(Conflict):
    """There are as many as there may be; `allowed` says how many that is."""

    code = "limit.count"

    def __init__(self, whose: str, things: str, allowed: int) -> None:
        super().__init__(f"{whose} has {allowed} {things}, the most it may have. Delete one first.", allowed=allowed)


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


class PreconditionFailed(JinbaError):
    """What was to be changed is no longer in the state that `If-Match` names."""

    code = "precondition.failed"

    def __init__(self) -> None:
        super().__init__("It was changed since you read it. Read it again and make your change to what it is now.")


class DraftEmpty(Conflict):
    """A ToolSet without tools cannot be published."""

    code = "draft.empty"

    def __init__(self, slug: str) -> None:
        super().__init__(f"The draft of '{slug}' has no tools; add one before you publish.")


class VersionYanked(Conflict):
    """A yanked version cannot be made the active one; it runs when pinned."""

    code = "version.yanked"

    def __init__(self, number: str) -> None:
        super().__init__(
            f"Version {number} is yanked: it runs only when pinned and cannot be activated unless that is taken back."
        )


class RunEnded(Conflict):
    """The run has ended, so there is nothing left to cancel."""

    code = "run.ended"

    def __init__(self, run_id: str, status: str) -> None:
        super().__init__(f"Run '{cut(run_id)}' has ended already, as {status}.", runStatus=status)


class RunNotReplayable(Conflict):
    """The record does not hold all that the run was made of; the message says what is missing."""

    code = "run.not_replayable"

    def __init__(self, run_id: str, why: str) -> None:
        super().__init__(f"Run '{cut(run_id)}' cannot be replayed: {why}.")


class CreditsReferenceReused(Conflict):
    """The reference stands for another change of the balance already."""

    code = "credits.reference_reused"

    def __init__(self, reference: str) -> None:
        super().__init__(f"The reference '{cut(reference)}' stands for another change. Use one of its own.")


class IdempotencyKeyReused(Conflict):
    """This `Idempotency-Key` stands for another call: another tool, version or arguments, in the last 24 hours."""

    code = "idempotency_key.reused"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            "This Idempotency-Key was used for another call in the last 24 hours. Use a new key for each call.",
            runId=run_id,
        )


class DeliveryPending(Conflict):
    """The delivery is still on its schedule, so it is not sent anew."""

    code = "delivery.pending"

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"Delivery '{cut(delivery_id)}' is on its way still; it can be sent anew when it has ended.")


class OwnerMustStay(Conflict):
    """An organization always has one owner, who leaves or steps down by making someone else the owner first."""

    code = "owner.must_stay"

    def __init__(self) -> None:
        super().__init__("This is the owner. Make another member the owner first.")


class DeletionUnconfirmed(Conflict):
    """What is to be deleted must be confirmed by its name; `contents` says what goes with it."""

    code = "deletion.unconfirmed"

    def __init__(self, name: str, contents: dict[str, int]) -> None:
        goes = ", ".join(f"{noun}: {count}" for noun, count in contents.items())
        super().__init__(
            f"This deletes '{name}' for good, and what it holds ({goes}). Confirm it with its slug as 'confirm'.",
            contents=dict[str, JsonValue](contents),
        )


class TotpState(Conflict):
    """There is a second factor already, or none to work with."""

    code = "totp.state"
