"""The URL table: every operation of the REST face, once."""

from itertools import groupby

from starlette.routing import Route

from jinba_mcp.core.core import Core
from jinba_mcp.domain.errors import Conflict, LimitExceeded, NotFound, Unavailable
from jinba_mcp.faces.rest import (
    explore,
    keys,
    mcp_config,
    me,
    organizations,
    runs,
    service,
    tools,
    toolsets,
    versions,
)
from jinba_mcp.faces.rest.explore_schemas import ExploreQuery, PublicToolSetDetailOut, PublicToolSetList, TagList
from jinba_mcp.faces.rest.key_schemas import IssuedKeyOut, KeyIn, KeyOut, KeyPage, KeyPatchIn, RotationIn
from jinba_mcp.faces.rest.operations import Access, Face, Operation, PathEndpoint
from jinba_mcp.faces.rest.run_schemas import RunIn, RunOut, RunPage, RunResultOut, RunsQuery, RunVersionQuery
from jinba_mcp.faces.rest.schemas import (
    ActivationIn,
    DiffOut,
    McpConfigQuery,
    MeOut,
    OrganizationOut,
    OrganizationPage,
    PublicationIn,
    ToolDetailOut,
    ToolList,
    ToolSetDetailOut,
    ToolSetOut,
    ToolSetPage,
    VersionDetailOut,
    VersionOut,
    VersionPage,
)
from jinba_mcp.faces.rest.service import AliveOut, ReadinessOut
from jinba_mcp.faces.rest.wire import AnyQuery, PageQuery
from jinba_mcp.faces.web.metrics import Metrics
from jinba_mcp.faces.web.sites import Site

ORG = "/v1/orgs/{org}"
TOOLSET = ORG + "/toolsets/{slug}"
TOOL = TOOLSET + "/tools/{tool}"
VERSION = TOOLSET + "/versions/{version}"
KEY = ORG + "/api-keys/{keyId}"
PUBLIC = "/v1/public/{org}/{slug}"
MY_KEYS = "/v1/me/api-keys"

_ADMIN, _ANY, _EXECUTE, _NONE = Access.ADMIN, Access.ANY, Access.EXECUTE, Access.NONE
_PERSONAL, _READ, _WRITE = Access.PERSONAL, Access.READ, Access.WRITE

_RUN = (
    "Calls the active version, or the one that `version` names. A tool that fails or takes too long is an answer with "
    "status 200 and `success` false; 4xx means that it was never called. Arguments that do not fit its schema are "
    "recorded as a failed run all the same."
)
_RUN_ERRORS = (LimitExceeded, Unavailable)
_SHOWN_ONCE = "The full key is in this answer only."
_CONFIG = "With `client` the JSON for that client; without it an object with all of them. Put your key in its place."

# The router looks from the top, so what is called most stands first.
OPERATIONS: tuple[Operation, ...] = (
    Operation("POST", TOOL + "/run", runs.call, "Run a tool", "runs", _EXECUTE, RunResultOut, _RUN,
              RunVersionQuery, RunIn, errors=_RUN_ERRORS),
    Operation("POST", PUBLIC + "/tools/{tool}/run", runs.call_public, "Run a public tool", "runs", _EXECUTE,
              RunResultOut, _RUN, RunVersionQuery, RunIn, errors=_RUN_ERRORS),
    Operation("POST", PUBLIC + "/run/{tool}", runs.call_public_short, "Run a public tool (the same)", "runs", _EXECUTE,
              RunResultOut, _RUN, RunVersionQuery, RunIn, errors=_RUN_ERRORS),
    Operation("GET", ORG + "/runs", runs.page, "List runs", "runs", _READ, RunPage, query=RunsQuery),
    Operation("GET", ORG + "/runs/{runId}", runs.show, "Get a run", "runs", _READ, RunOut),
    Operation("GET", "/v1/me", me.show, "Who this key is", "me", _ANY, MeOut),
    Operation("GET", "/v1/orgs", organizations.page, "List organizations", "organizations", _READ, OrganizationPage,
              query=PageQuery),
    Operation("GET", ORG, organizations.show, "Get an organization", "organizations", _READ, OrganizationOut),
    Operation("GET", ORG + "/mcp-config", mcp_config.of_organization, "Client configuration for all ToolSets", "mcp",
              _READ, None, _CONFIG, McpConfigQuery),
    Operation("GET", ORG + "/toolsets", toolsets.page, "List ToolSets", "toolsets", _READ, ToolSetPage,
              query=PageQuery),
    Operation("GET", TOOLSET, toolsets.show, "Get a ToolSet with its tools", "toolsets", _READ, ToolSetDetailOut),
    Operation("GET", TOOLSET + "/tools", tools.page, "List tools", "tools", _READ, ToolList),
    Operation("GET", TOOL, tools.show, "Get a tool with its code", "tools", _READ, ToolDetailOut),
    Operation("GET", TOOLSET + "/mcp-config", mcp_config.of_toolset, "Client configuration for a ToolSet", "mcp",
              _READ, None, _CONFIG, McpConfigQuery, errors=(Conflict,)),
    Operation("GET", TOOLSET + "/versions", versions.page, "List versions", "versions", _READ, VersionPage,
              query=PageQuery),
    Operation("POST", TOOLSET + "/versions", versions.publish, "Publish the draft", "versions", _WRITE, VersionOut,
              "Freezes the draft. Numbers are semantic versions and only rise; the first one published is activated.",
              body=PublicationIn, status=201, errors=(Conflict,)),
    Operation("GET", VERSION, versions.show, "Get a version with its content", "versions", _READ, VersionDetailOut),
    Operation("GET", VERSION + "/diff/{otherVersion}", versions.compare, "Compare two versions", "versions", _READ,
              DiffOut),
    Operation("PUT", TOOLSET + "/published-version", versions.activate, "Activate a version", "versions", _WRITE,
              ToolSetOut, "Forward or back; the next request gets it.", body=ActivationIn, errors=(Conflict,)),
    Operation("GET", ORG + "/api-keys", keys.page, "List keys", "api-keys", _READ, KeyPage, query=PageQuery),
    Operation("POST", ORG + "/api-keys", keys.issue, "Create a key", "api-keys", _ADMIN, IssuedKeyOut, _SHOWN_ONCE,
              body=KeyIn, status=201),
    Operation("GET", KEY, keys.show, "Get a key", "api-keys", _READ, KeyOut),
    Operation("PATCH", KEY, keys.change, "Change a key", "api-keys", _ADMIN, KeyOut,
              "The next request with the key sees the change.", body=KeyPatchIn),
    Operation("DELETE", KEY, keys.revoke, "Revoke a key", "api-keys", _ADMIN, None,
              "For good, from the next request on. Its runs stay.", status=204),
    Operation("POST", KEY + "/rotate", keys.rotate, "Give a key a new secret", "api-keys", _ADMIN, IssuedKeyOut,
              _SHOWN_ONCE, body=RotationIn, status=201),
    Operation("GET", MY_KEYS, keys.page_personal, "List my personal keys", "me", _PERSONAL, KeyPage,
              query=PageQuery),
    Operation("POST", MY_KEYS, keys.issue_personal, "Create a personal key", "me", _PERSONAL, IssuedKeyOut,
              _SHOWN_ONCE, body=KeyIn, status=201),
    Operation("DELETE", MY_KEYS + "/{keyId}", keys.revoke_personal, "Revoke a personal key", "me", _PERSONAL, None,
              status=204),
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
