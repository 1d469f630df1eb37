"""The wire forms of runs: the body that asks for one, its result, and its record."""

from typing import Annotated, Any, Self, final

from pydantic import AfterValidator, ConfigDict, Field, JsonValue

from jinba_mcp.domain.errors import FieldsInvalid
from jinba_mcp.domain.isolation import Level
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import Run, RunFilter, RunPart, RunSource, RunStatus
from jinba_mcp.domain.words import MAX_QUERY_CHARACTERS, words_in_query
from jinba_mcp.faces.rest.schemas import Number
from jinba_mcp.faces.rest.validation import validated
from jinba_mcp.faces.rest.wire import In, Instant, InstantIn, NoQuery, Out, PageOut, PageQuery, Text, WithoutNul

_ENVELOPE: JsonObject = {
    "title": "Envelope",
    "type": "object",
    "properties": {
        "input": {"type": "object", "description": "The arguments."},
        "version": {"type": "string", "description": "The version to run; the active one if not given."},
    },
    "required": ["input"],
    "additionalProperties": False,
}
_BARE: JsonObject = {"title": "Arguments", "type": "object"}


def _both_forms(schema: JsonObject) -> None:
    schema.clear()
    schema.update(
        title="RunIn",
        description="The arguments themselves, or an envelope around them. An object whose only fields are `input` "
        "(an object) and `version` is read as the envelope.",
        anyOf=[_ENVELOPE, _BARE],
        examples=[{"name": "Alice"}, {"input": {"name": "Alice"}, "version": "1.0.0"}],
    )


def _is_none(value: object) -> bool:
    return value is None


def _is_empty(value: object) -> bool:
    return value == ()


def _searchable(query: str) -> str:
    words_in_query(query)
    return query


@final
class RunIn(In):
    """A call's arguments in either form."""

    model_config = ConfigDict(json_schema_extra=_both_forms)

    input: JsonObject = Field(default_factory=dict)
    version: Number | None = None

    @classmethod
    def read(cls, value: JsonObject) -> Self:
        """Tell the two forms apart. Arguments are checked by the tool's schema, not here.

        Raises:
            FieldsInvalid: an envelope with a version that cannot be one.
        """
        arguments = value.get("input")
        if not isinstance(arguments, dict) or not value.keys() <= {"input", "version"}:
            return cls.model_construct(input=value, version=None)
        version = validated(RunVersionQuery, {"version": value.get("version")}).version
        return cls.model_construct(input=arguments, version=version)

    def pinned(self, query: "RunVersionQuery") -> str | None:
        """The version to run, which query and envelope may both name.

        Raises:
            FieldsInvalid: they name different ones.
        """
        if self.version is not None and query.version is not None and self.version != query.version:
            raise FieldsInvalid([{"pointer": "/version", "detail": "not the version that the query names"}])
        return self.version or query.version


class RunVersionQuery(NoQuery):
    """Which version to run; the active one if not given."""

    version: Annotated[Number, Field(min_length=1)] | None = None


class RunErrorOut(Out):
    """Why a run failed."""

    name: str
    message: str
    traceback: str | None


class RunLogsOut(Out):
    """What the tool printed, line by line."""

    stdout: tuple[str, ...]
    stderr: tuple[str, ...]


class IsolationOut(Out):
    """What walled the tool in; `weaker` names what this tier does not stop."""

    provider: str
    tier: str
    level: Level
    weaker: tuple[str, ...]


class RunResultOut(Out):
    """How a call went. A tool that failed is an answer like any other, with `success` false."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "runId": "run_01JZX3V5T4M8Q9W0E1R2T3Y4U5",
                    "id": "run_01JZX3V5T4M8Q9W0E1R2T3Y4U5",
                    "version": "1.0.0",
                    "status": "success",
                    "success": True,
                    "output": {"greeting": "Hello, Alice!"},
                    "error": None,
                    "logs": {"stdout": [], "stderr": []},
                    "durationMs": 3,
                }
            ]
        }
    )

    run_id: str
    id: Annotated[str, Field(description="The same as runId.")]
    version: str
    status: RunStatus
    success: bool
    output: JsonValue
    error: RunErrorOut | None
    logs: RunLogsOut
    duration_ms: int | None
    content: Annotated[
        tuple[JsonObject, ...] | None,
        Field(description="MCP content blocks; only there when the tool made some.", exclude_if=_is_none),
    ] = None
    warnings: Annotated[
        tuple[str, ...],
        Field(
            description="Why not to go on with this version; only there when it is deprecated or yanked.",
            exclude_if=_is_empty,
        ),
    ] = ()
    truncated: Annotated[
        tuple[RunPart, ...],
        Field(description="Of these the record has the beginning; only there when it does.", exclude_if=_is_empty),
    ] = ()
    redacted: Annotated[
        tuple[RunPart, ...],
        Field(description="In these the record has `***` for secrets; only there when it does.", exclude_if=_is_empty),
    ] = ()


class RunOut(RunResultOut):
    """The record of a run."""

    model_config = ConfigDict(json_schema_extra={})

    toolset_slug: Annotated[str, Field(alias="toolSetSlug")]
    tool_slug: str
    version_digest: str
    input: JsonObject
    source: RunSource
    key_id: str | None
    key_name: str | None
    key_prefix: str | None
    user_id: str | None
    client: str | None
    request_id: str | None
    replay_of: Annotated[str | None, Field(description="The run that this one replays.")]
    isolation: Annotated[IsolationOut | None, Field(description="Null when the tool never ran.")]
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None


class RunPage(PageOut[RunOut]):
    """Runs, newest first."""


class RunsQuery(PageQuery):
    """Which runs to list; `since` is included, `until` is not."""

    status: RunStatus | None = None
    toolset: Text | None = None
    tool: Text | None = None
    version: Text | None = None
    source: RunSource | None = None
    key_id: Text | None = None
    since: InstantIn | None = None
    until: InstantIn | None = None
    q: (
        Annotated[
            str,
            Field(
                max_length=MAX_QUERY_CHARACTERS,
                description="Words that must all be in the tool, the caller or the error; letters and digits count.",
            ),
            WithoutNul(),
            AfterValidator(_searchable),
        ]
        | None
    ) = None

    def filter(self) -> RunFilter:
        return RunFilter(**self.model_dump(exclude={"limit", "cursor"}))


def run_result_out(run: Run, warnings: tuple[str, ...] = ()) -> RunResultOut:
    return RunResultOut.model_construct(**_result_fields(run), warnings=warnings)


def run_out(run: Run) -> RunOut:
    same = (name for name in RunOut.model_fields.keys() - RunResultOut.model_fields.keys())
    fields = {name: getattr(run, name) for name in same}
    if run.isolation is not None:
        fields["isolation"] = IsolationOut.model_construct(**vars(run.isolation))
    return RunOut.model_construct(**_result_fields(run), **fields)


def _result_fields(run: Run) -> dict[str, Any]:
    # A run is checked when it is made and output may be megabytes, so it is not checked a second time here.
    return {
        "run_id": run.id,
        "id": run.id,
        "version": run.version,
        "status": run.status,
        "success": run.succeeded,
        "output": run.output,
        "error": None if run.error is None else RunErrorOut.model_construct(**vars(run.error)),
        "logs": RunLogsOut.model_construct(**vars(run.logs)),
        "duration_ms": run.duration_ms,
        "content": run.content,
        "truncated": run.truncated,
        "redacted": run.redacted,
    }
