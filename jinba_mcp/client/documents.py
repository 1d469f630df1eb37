"""The documents that REST answers with, under the names that it uses; a newer server may say more in them."""

from typing import Any, Literal, NotRequired, TypedDict

Role = Literal["owner", "admin", "member"]
EventName = Literal["tool.run.completed", "tool.run.failed", "toolset.published", "member.added", "member.removed"]
DeliveryStatus = Literal["pending", "delivered", "failed"]
CreditKind = Literal["grant", "set", "unset", "charge", "refund"]
RunStatus = Literal["pending", "running", "success", "failed", "timeout", "cancelled"]


class OrganizationName(TypedDict):
    """An organization, for recognition."""

    id: str
    slug: str
    name: str


class Organization(OrganizationName):
    """A tenant."""

    createdAt: str


class Retention(TypedDict):
    """How long an organization keeps records of runs; None leaves it to the server, whose own bounds are beside it."""

    days: int | None
    count: int | None
    maxDays: int | None
    maxCount: int | None


class UserName(TypedDict):
    """A user, for recognition."""

    id: str
    email: str
    name: str


class User(UserName):
    """A user."""

    createdAt: str


class Member(TypedDict):
    """A user as the organization sees them."""

    userId: str
    email: str
    name: str
    role: Role


class Invitation(TypedDict):
    """An open invitation without its token."""

    id: str
    organizationId: str
    email: str
    role: Role
    invitedBy: str
    createdAt: str
    expiresAt: str
    mail: Literal["pending", "sent", "failed"] | None
    mailError: str | None


class IssuedInvitation(Invitation):
    """A new invitation; `link` is to be handed over, and None when it is mailed."""

    link: str | None


class Offer(TypedDict):
    """What an invitation is to, for whoever holds its token."""

    organization: str
    organizationName: str
    email: str
    role: Role
    expiresAt: str


class Key(TypedDict):
    """An API key without its secret."""

    id: str
    kind: Literal["organization", "personal"]
    organizationId: str | None
    userId: str | None
    name: str
    prefix: str
    scopes: list[str]
    toolsets: list[str] | None
    tools: list[str] | None
    allowedIps: list[str] | None
    rateLimit: int | None
    expiresAt: str | None
    createdBy: str
    createdAt: str
    lastUsedAt: str | None


class IssuedKey(Key):
    """A key with its secret, which the server tells this once."""

    key: str
    apiBaseUrl: str
    mcpJson: dict[str, Any]


class Me(TypedDict):
    """Who is asking."""

    kind: str
    key: Key | None
    organization: OrganizationName | None
    user: UserName | None
    scopes: list[str]
    limits: dict[str, Any]


class Tool(TypedDict):
    """A tool without its code."""

    slug: str
    name: str
    description: str
    entrypoint: str
    inputSchema: dict[str, Any]
    outputSchema: dict[str, Any] | None
    annotations: dict[str, Any]


class ToolDetail(Tool):
    """A tool with its code; `etag` names this state of it."""

    code: str
    etag: NotRequired[str]


class ToolSet(TypedDict):
    """A ToolSet without its tools."""

    id: str
    organizationId: str
    slug: str
    name: str
    description: str
    visibility: str
    mcpEnabled: bool
    tags: list[str]
    prices: dict[str, int]
    publishedVersion: str | None
    latestVersion: str | None
    createdAt: str
    updatedAt: str


class ToolSetDetail(ToolSet):
    """A ToolSet with its draft; `etag` names this state of it."""

    sharedWith: list[str]
    language: Literal["python", "typescript"]
    packages: list[dict[str, Any]]
    sandbox: dict[str, Any]
    tools: list[Tool]
    etag: NotRequired[str]


class Version(TypedDict):
    """A version without what it froze."""

    id: str
    version: str
    digest: str
    origin: str
    releaseNotes: str
    publishedBy: str
    createdAt: str
    deprecatedAt: str | None
    deprecationMessage: str | None
    yankedAt: str | None
    yankReason: str | None


class VersionDetail(Version):
    """A version with all that it froze."""

    name: str
    description: str
    language: Literal["python", "typescript"]
    packages: list[dict[str, Any]]
    sandbox: dict[str, Any]
    tools: list[ToolDetail]


class Diff(TypedDict):
    """What changed from one version to another."""

    fromVersion: str
    toVersion: str
    added: list[str]
    removed: list[str]
    changed: list[dict[str, Any]]
    toolSetFields: list[str]
    packages: list[dict[str, Any]]
    sandbox: list[dict[str, Any]]
    breaking: list[dict[str, Any]]


class Variable(TypedDict):
    """A variable, or what `toolset.yml` expects of one; the value of a secret never comes back."""

    key: str
    secret: bool
    value: str | None
    isSet: bool
    updatedAt: str | None


class RunError(TypedDict):
    """Why a run failed."""

    name: str
    message: str
    traceback: str | None


class RunLogs(TypedDict):
    """What the tool printed, line by line."""

    stdout: list[str]
    stderr: list[str]


class RunResult(TypedDict):
    """How a call went. A tool that failed is an answer like any other, with `success` false."""

    runId: str
    id: str
    version: str
    status: RunStatus
    success: bool
    output: Any
    error: RunError | None
    logs: RunLogs
    durationMs: int | None
    content: NotRequired[list[dict[str, Any]]]
    warnings: NotRequired[list[str]]
    truncated: NotRequired[list[str]]
    redacted: NotRequired[list[str]]


class Run(RunResult):
    """The record of a run."""

    toolSetSlug: str
    toolSlug: str
    versionDigest: str
    input: dict[str, Any]
    source: str
    keyId: str | None
    keyName: str | None
    keyPrefix: str | None
    userId: str | None
    client: str | None
    requestId: str | None
    replayOf: str | None
    isolation: dict[str, Any] | None
    createdAt: str
    startedAt: str | None
    finishedAt: str | None


class Statistics(TypedDict):
    """Counts, failures and durations of runs, by tool and time."""

    since: str
    until: str
    by: str
    isComplete: bool
    tools: list[dict[str, Any]]


class AuditEntry(TypedDict):
    """A change: who made it, when, from where, and what was there before and after."""

    id: str
    sequence: int
    createdAt: str
    action: str
    target: str
    actor: str
    userId: str | None
    keyId: str | None
    keyName: str | None
    keyPrefix: str | None
    address: str | None
    requestId: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    previousDigest: str
    digest: str


class Webhook(TypedDict):
    """Where which events are sent, without the secret that signs them."""

    id: str
    organizationId: str
    url: str
    events: list[EventName]
    enabled: bool
    failureCount: int
    disabledAt: str | None
    createdAt: str
    updatedAt: str


class IssuedWebhook(Webhook):
    """A webhook with its secret, which the server tells this once."""

    secret: str


class Attempt(TypedDict):
    """One try: what the receiver answered, or why it did not."""

    at: str
    durationMs: int
    responseStatus: int | None
    responseBody: str | None
    error: str | None


class Delivery(TypedDict):
    """One event on its way to one webhook; `id` is what the receiver sees as `X-Webhook-Id`."""

    id: str
    event: str
    status: DeliveryStatus
    attemptCount: int
    nextAttemptAt: str | None
    lastAttempt: Attempt | None
    body: dict[str, Any]
    createdAt: str


class Balance(TypedDict):
    """What an organization may spend; None when it is not metered."""

    balance: int | None


class CreditTransaction(TypedDict):
    """A line of the ledger; `balance` is what there was after it."""

    id: str
    kind: CreditKind
    amount: int
    balance: int | None
    runId: str | None
    reference: str | None
    createdBy: str
    createdAt: str
