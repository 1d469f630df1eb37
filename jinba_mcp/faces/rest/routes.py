"""The URL table: every operation of the REST face, once."""

from itertools import groupby

from starlette.routing import Route

from jinba_mcp.core.core import Core
from jinba_mcp.domain.errors import Conflict, LimitExceeded, NotFound, PaymentRequired, Unavailable
from jinba_mcp.faces.rest import (
    audit,
    credits,  # noqa: A004  the noun, as in every room
    env,
    explore,
    keys,
    mcp_config,
    me,
    organizations,
    retention,
    runs,
    service,
)
from jinba_mcp.faces.rest.audit_schemas import AuditPage, AuditQuery
from jinba_mcp.faces.rest.authoring_routes import AUTHORING
from jinba_mcp.faces.rest.credit_schemas import (
    CreditChangeIn,
    CreditsOut,
    CreditTransactionOut,
    CreditTransactionPage,
)
from jinba_mcp.faces.rest.env_schemas import EnvIn, EnvList, EnvOut
from jinba_mcp.faces.rest.explore_schemas import ExploreQuery, PublicToolSetDetailOut, PublicToolSetList, TagList
from jinba_mcp.faces.rest.key_schemas import IssuedKeyOut, KeyIn, KeyOut, KeyPage, KeyPatchIn, RotationIn
from jinba_mcp.faces.rest.operations import Access, Face, Operation, PathEndpoint
from jinba_mcp.faces.rest.people_routes import PEOPLE
from jinba_mcp.faces.rest.retention_schemas import RetentionIn, RetentionOut
from jinba_mcp.faces.rest.run_schemas import RunIn, RunOut, RunPage, RunResultOut, RunsQuery, RunVersionQuery
from jinba_mcp.faces.rest.schemas import (
    McpConfigQuery,
    MeOut,
    OrganizationOut,
    OrganizationPage,
)
from jinba_mcp.faces.rest.service import AliveOut, ReadinessOut
from jinba_mcp.faces.rest.statistics_schemas import StatisticsOut, StatisticsQuery
from jinba_mcp.faces.rest.webhook_routes import WEBHOOKS
from jinba_mcp.faces.rest.wire import AnyQuery, PageQuery
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.faces.web.sites import Site

ORG = "/v1/orgs/{org}"
TOOLSET = ORG + "/toolsets/{slug}"
TOOL = TOOLSET + "/tools/{tool}"
ENV = TOOLSET + "/env/{envKey}"
KEY = ORG + "/api-keys/{keyId}"
PUBLIC = "/v1/public/{org}/{slug}"
MY_KEYS = "/v1/me/api-keys"

_ADMIN, _ANY, _EXECUTE, _NONE = Access.ADMIN, Access.ANY, Access.EXECUTE, Access.NONE
_PERSONAL, _READ, _TEST, _WRITE = Access.PERSONAL, Access.READ, Access.WRITE_AND_EXECUTE, Access.WRITE

_RUN = (
    "Calls the active version, or the one that `version` names. A tool that fails or takes too long is an answer with "
    "status 200 and `success` false; 4xx means that it was never called. Arguments that do not fit its schema are "
    "recorded as a failed run all the same."
)
_TRY = (
    "Runs what is not published yet, in the same sandbox and within the same limits; recorded with the source `test`. "
    "The answer has the traceback into the tool's own lines and what it printed."
)
_ENV = "Acts on the next run, of every version. A secret never comes back."
_RUN_ERRORS = (LimitExceeded, Unavailable)
_ONCE_ERRORS = (Conflict, LimitExceeded, PaymentRequired, Unavailable)
_ONCE = ("Idempotency-Key",)
_CANCEL = (
    "In whichever process it is. Answers when the run has ended, or with the run as it is after three seconds; it ends "
    "all the same. Asking again is harmless; a run that ended on its own is a conflict."
)
_RUNS = "With `q`, or by several filters at once, a page may be short, or empty, and still have a `nextCursor`."
_STATISTICS = (
    "Counts, failures (failed or timed out) and durations, per tool and hour or day, in UTC; for 90 days at most, and "
    "no more than 1,600 points (tools times hours or days): one tool by the hour for two months, or four for two "
    "weeks. Percentiles are up to 5 % off. Hours without a run have no point; runs whose tool never ran have no "
    "duration."
)
_RETENTION = (
    "From the next sweep on, within minutes; what is removed then does not come back. Never more than the server "
    "keeps. Runs in flight and statistics stay."
)
_REPLAY = (
    "Runs the same version once more with the same input, as a new run with the source `replay`. Not possible when the "
    "input was truncated or redacted before it was stored, nor for a test of the draft."
)
_AUDIT = (
    "Every change by anyone, newest first, each chained to the one before it by its digest. With `format=jsonl`, or "
    "`Accept: application/x-ndjson`, all of them as JSON lines."
)
_SHOWN_ONCE = "The full key is in this answer only."
_CONFIG = "With `client` the JSON for that client; without it an object with all of them. Put your key in its place."

# The router looks from the top, so what is called most stands first.
OPERATIONS: tuple[Operation, ...] = (
    Operation("POST", TOOL + "/run", runs.call, "Run a tool", "runs", _EXECUTE, RunResultOut, _RUN,
              RunVersionQuery, RunIn, errors=_ONCE_ERRORS, headers=_ONCE),
    Operation("POST", PUBLIC + "/tools/{tool}/run", runs.call_public, "Run a public tool", "runs", _EXECUTE,
              RunResultOut, _RUN, RunVersionQuery, RunIn, errors=_ONCE_ERRORS, headers=_ONCE),
    Operation("POST", PUBLIC + "/run/{tool}", runs.call_public_short, "Run a public tool (the same)", "runs", _EXECUTE,
              RunResultOut, _RUN, RunVersionQuery, RunIn, errors=_ONCE_ERRORS, headers=_ONCE),
    Operation("POST", TOOL + "/test", runs.test, "Test a tool of the draft", "runs", _TEST, RunResultOut, _TRY,
              body=RunIn, errors=_RUN_ERRORS),
    Operation("GET", ORG + "/runs", runs.page, "List runs", "runs", _READ, RunPage, _RUNS, query=RunsQuery),
    Operation("GET", ORG + "/runs/statistics", runs.statistics, "Statistics of runs", "runs", _READ, StatisticsOut,
              _STATISTICS, StatisticsQuery),
    Operation("GET", ORG + "/runs/{runId}", runs.show, "Get a run", "runs", _READ, RunOut),
    Operation("POST", ORG + "/runs/{runId}/cancel", runs.cancel, "Cancel a run", "runs", _EXECUTE, RunOut, _CANCEL,
              errors=(Conflict,)),
    Operation("POST", ORG + "/runs/{runId}/replay", runs.replay, "Replay a run", "runs", _EXECUTE, RunOut, _REPLAY,
              errors=_ONCE_ERRORS),
    Operation("GET", ORG + "/retention", retention.show, "How long runs are kept", "runs", _READ, RetentionOut),
    Operation("PUT", ORG + "/retention", retention.put, "Change how long runs are kept", "runs", _ADMIN, RetentionOut,
              _RETENTION, body=RetentionIn),
    Operation("GET", "/v1/me", me.show, "Who this key is", "me", _ANY, MeOut),
    Operation("GET", "/v1/orgs", organizations.page, "List organizations", "organizations", _READ, OrganizationPage,
              query=PageQuery),
    Operation("GET", ORG, organizations.show, "Get an organization", "organizations", _READ, OrganizationOut),
    Operation("GET", ORG + "/mcp-config", mcp_config.of_organization, "Client configuration for all ToolSets", "mcp",
              _READ, None, _CONFIG, McpConfigQuery),
    Operation("GET", TOOLSET + "/env", env.page, "List environment variables", "env", _READ, EnvList,
              "What is set, and what `toolset.yml` expects."),
    Operation("PUT", ENV, env.put, "Set an environment variable", "env", _WRITE, EnvOut, _ENV, body=EnvIn,
              errors=(Conflict,)),
    Operation("DELETE", ENV, env.remove, "Unset an environment variable", "env", _WRITE, None, status=204),
    Operation("GET", TOOLSET + "/mcp-config", mcp_config.of_toolset, "Client configuration for a ToolSet", "mcp",
              _READ, None, _CONFIG, McpConfigQuery, errors=(Conflict,)),
    Operation("GET", ORG + "/credits", credits.show, "Get the balance", "credits", _READ, CreditsOut),
    Operation("GET", ORG + "/credits/transactions", credits.page, "List what moved the balance", "credits", _READ,
              CreditTransactionPage, query=PageQuery),
    Operation("POST", ORG + "/credits", credits.change, "Change the balance", "credits", Access.OPERATOR,
              CreditTransactionOut, body=CreditChangeIn, errors=(Conflict,)),
    Operation("GET", ORG + "/api-keys", keys.page, "List keys", "api-keys", _READ, KeyPage, query=PageQuery),
    Operation("POST", ORG + "/api-keys", keys.issue, "Create a key", "api-keys", _ADMIN, IssuedKeyOut, _SHOWN_ONCE,
              body=KeyIn, status=201, errors=(Conflict,)),
    Operation("GET", KEY, keys.show, "Get a key", "api-keys", _READ, KeyOut),
    Operation("PATCH", KEY, keys.change, "Change a key", "api-keys", _ADMIN, KeyOut,
              "The next request with the key sees the change.", body=KeyPatchIn),
    Operation("DELETE", KEY, keys.revoke, "Revoke a key", "api-keys", _ADMIN, None,
              "For good, from the next request on. Its runs stay.", status=204),
    Operation("POST", KEY + "/rotate", keys.rotate, "Give a key a new secret", "api-keys", _ADMIN, IssuedKeyOut,
              _SHOWN_ONCE, body=RotationIn, status=201),
    Operation("GET", ORG + "/audit-log", audit.page, "List or export what was changed", "audit-log", _ADMIN, AuditPage,
              _AUDIT, AuditQuery),
    Operation("GET", MY_KEYS, keys.page_personal, "List my personal keys", "me", _PERSONAL, KeyPage,
              query=PageQuery),
    Operation("POST", MY_KEYS, keys.issue_personal, "Create a personal key", "me", _PERSONAL, IssuedKeyOut,
              _SHOWN_ONCE, body=KeyIn, status=201, errors=(Conflict,)),
    Operation("DELETE", MY_KEYS + "/{keyId}", keys.revoke_personal, "Revoke a personal key", "me", _PERSONAL, None,
              status=204),
    *AUTHORING,
    *PEOPLE,
    *WEBHOOKS,
    Operation("GET", "/v1/explore/toolsets", explore.page, "Find public ToolSets", "explore", _NONE,
              PublicToolSetList, query=ExploreQuery),
    Operation("GET", "/v1/explore/toolsets/{org}/{slug}", explore.show, "Get a public ToolSet", "explore", _NONE,
              PublicToolSetDetailOut, errors=(NotFound,)),
    Operation("GET", "/v1/explore/tags", explore.tags, "List tags of public ToolSets", "explore", _NONE, TagList),
    Operation("GET", "/v1/openapi.json", service.document, "This document", "service", _NONE, None),
    Operation("GET", "/healthz", service.alive, "Is the process alive", "service", _NONE, AliveOut, query=AnyQuery),
    Operation("GET", "/readyz", service.ready, "Can it do its work", "service", _NONE, ReadinessOut,
              "503 with the same body when it cannot.", query=AnyQuery),
    Operation("GET", "/docs/errors", service.errors, "What each error code means", "service", _NONE, None,
              query=AnyQuery),
    Operation("GET", "/metrics", service.counts, "Counts for Prometheus", "service", _NONE, None, query=AnyQuery),
)  # fmt: skip


def routes(core: Core, site: Site, metrics: Metrics, *, max_body_bytes: int) -> list[Route]:
    """One route per path, in the order of the table."""
    face = Face(core, site, metrics, max_body_bytes, OPERATIONS)
    order = {operation.path: place for place, operation in reversed(list(enumerate(OPERATIONS)))}
    by_path = groupby(sorted(OPERATIONS, key=lambda operation: order[operation.path]), lambda each: each.path)
    return [Route(path, PathEndpoint(face, list(operations))) for path, operations in by_path]
