"""The part of the URL table that is about authoring: ToolSets, the tools of their drafts, and their versions."""

from jinba_mcp.domain.errors import Conflict, Invalid, Unavailable
from jinba_mcp.faces.rest import archives, tools, toolsets, versions
from jinba_mcp.faces.rest.draft_schemas import ToolIn, ToolPatchIn, ToolSetIn, ToolSetPatchIn
from jinba_mcp.faces.rest.operations import Access, Operation
from jinba_mcp.faces.rest.organization_schemas import DeletionQuery
from jinba_mcp.faces.rest.schemas import (
    ActivationIn,
    DiffOut,
    MarksIn,
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
from jinba_mcp.faces.rest.wire import PageQuery

_TOOLSETS = "/v1/orgs/{org}/toolsets"
_TOOLSET = _TOOLSETS + "/{slug}"
_TOOL = _TOOLSET + "/tools/{tool}"
_VERSIONS = _TOOLSET + "/versions"
_VERSION = _VERSIONS + "/{version}"

_READ, _WRITE = Access.READ, Access.WRITE
_TAGGED = ("If-None-Match",)
_GUARDED = ("If-Match",)
_CODE_ERRORS = (Conflict, Invalid, Unavailable)
"""Of what has code read: no sandbox for it, or no packages at the moment."""

_CODE = (
    "Schemas that are not given are read from the code, in the sandbox that would run it; packages are resolved and "
    "locked. It runs through `/test` only, until it is published."
)
_LISTING = "Visibility, MCP, tags and what it is shared with act at once, everything else from the next version on."
_DELETION = (
    "For good, with its draft, its versions and its variables; the runs of its tools stay. Without its slug in "
    "`confirm` nothing is deleted, and the answer says what would be."
)
_MARKS = (
    "A deprecated version runs and warns. A yanked one runs only when pinned; if it was active, nothing is active "
    "until another version is activated or published."
)
_IMPORT = (
    "A ZIP file with the folder of one ToolSet and nothing else becomes the draft; the ToolSet is made if it is new. "
    "Anything that has no place in such a folder has all of it refused."
)
_EXPORT = "The folder of the ToolSet as a ZIP file, ready to import; of secrets there is the key only."
_DOCUMENT = "An operation for each tool that the key may use, named like the tool, for clients that call functions."
_COMPARED = "Either may be `draft`. `breaking` names what callers of the first may stumble over in the second."

AUTHORING: tuple[Operation, ...] = (
    Operation("GET", _TOOLSETS, toolsets.page, "List ToolSets", "toolsets", _READ, ToolSetPage, query=PageQuery),
    Operation("POST", _TOOLSETS, toolsets.create, "Create a ToolSet", "toolsets", _WRITE, ToolSetDetailOut, _CODE,
              body=ToolSetIn, status=201, errors=_CODE_ERRORS),
    Operation("POST", _TOOLSETS + "/import", archives.load, "Import a ToolSet", "archives", _WRITE, ToolSetDetailOut,
              _IMPORT, upload=archives.MEDIA_TYPE, headers=_GUARDED, errors=_CODE_ERRORS),
    Operation("POST", _TOOLSET + "/import", archives.load_as, "Import a ToolSet under this name", "archives", _WRITE,
              ToolSetDetailOut, _IMPORT, upload=archives.MEDIA_TYPE, headers=_GUARDED, errors=_CODE_ERRORS),
    Operation("GET", _TOOLSET + "/export", archives.export, "Export a ToolSet", "archives", _READ, None, _EXPORT,
              archives.ExportQuery),
    Operation("GET", _TOOLSET + "/openapi.json", toolsets.document, "OpenAPI document of a ToolSet", "toolsets", _READ,
              None, _DOCUMENT, toolsets.DocumentQuery),
    Operation("GET", _TOOLSET, toolsets.show, "Get a ToolSet with its draft", "toolsets", _READ, ToolSetDetailOut,
              headers=_TAGGED),
    Operation("PATCH", _TOOLSET, toolsets.change, "Change a ToolSet", "toolsets", _WRITE, ToolSetDetailOut, _LISTING,
              body=ToolSetPatchIn, headers=_GUARDED, errors=_CODE_ERRORS),
    Operation("DELETE", _TOOLSET, toolsets.remove, "Delete a ToolSet", "toolsets", _WRITE, None, _DELETION,
              DeletionQuery, status=204, headers=_GUARDED, errors=(Conflict,)),
    Operation("GET", _TOOLSET + "/tools", tools.page, "List the tools of the draft", "tools", _READ, ToolList),
    Operation("POST", _TOOLSET + "/tools", tools.create, "Add a tool to the draft", "tools", _WRITE, ToolDetailOut,
              _CODE, body=ToolIn, status=201, headers=_GUARDED, errors=_CODE_ERRORS),
    Operation("GET", _TOOL, tools.show, "Get a tool of the draft with its code", "tools", _READ, ToolDetailOut,
              headers=_TAGGED),
    Operation("PATCH", _TOOL, tools.change, "Change a tool of the draft", "tools", _WRITE, ToolDetailOut, _CODE,
              body=ToolPatchIn, headers=_GUARDED, errors=_CODE_ERRORS),
    Operation("DELETE", _TOOL, tools.remove, "Take a tool out of the draft", "tools", _WRITE, None,
              "Versions that have it keep it.", status=204, headers=_GUARDED, errors=(Conflict,)),
    Operation("GET", _VERSIONS, versions.page, "List versions", "versions", _READ, VersionPage, query=PageQuery),
    Operation("POST", _VERSIONS, versions.publish, "Publish the draft", "versions", _WRITE, VersionOut,
              "Freezes the draft. Numbers are semantic versions and only rise; the first one published is activated.",
              body=PublicationIn, status=201, headers=_GUARDED, errors=_CODE_ERRORS),
    Operation("GET", _VERSION, versions.show, "Get a version with its content", "versions", _READ, VersionDetailOut),
    Operation("PATCH", _VERSION, versions.mark, "Deprecate or yank a version", "versions", _WRITE, VersionOut, _MARKS,
              body=MarksIn),
    Operation("GET", _VERSION + "/diff/{otherVersion}", versions.compare, "Compare two versions", "versions", _READ,
              DiffOut, _COMPARED),
    Operation("PUT", _TOOLSET + "/published-version", versions.activate, "Activate a version", "versions", _WRITE,
              ToolSetOut, "Forward or back; the next request gets it.", body=ActivationIn, headers=_GUARDED,
              errors=(Conflict,)),
)  # fmt: skip
