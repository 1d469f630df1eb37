"""Sources made into content: packages locked, and what the author left out read from the code, in its sandbox."""

from dataclasses import dataclass

import anyio

from jinba_mcp.core.allowance import Allowance
from jinba_mcp.core.engines import Engines
from jinba_mcp.domain import json_values, schema_weights
from jinba_mcp.domain.errors import FieldsInvalid, SchemaInvalid, TooLarge
from jinba_mcp.domain.packages import Lock
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.sandboxes import INPROCESS
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.tools import Tool
from jinba_mcp.domain.toolsets import Content, Draft, Origin
from jinba_mcp.sandbox.engine import Bundle, Engine, Program, Resolver, Signature

MAX_CODE_TOTAL = 16 * 1024 * 1024
"""Characters of code in all tools of a ToolSet together."""

_SAID_NOTHING = Signature(input_schema={}, output_schema=None, description="")


@dataclass(frozen=True)
class Described:
    """What a version would freeze, and which fields of each tool were read from its code."""

    content: Content
    derived: dict[str, tuple[str, ...]]


class Sources:
    """Asks the resolver and the engine; stores nothing."""

    def __init__(self, engines: Engines, resolver: Resolver, *, allowance: Allowance) -> None:
        self._engines = engines
        self._resolver = resolver
        self._allowance = allowance
        # A heavy schema keeps a core busy for a second, so schemas wait for one another and not the server for them.
        self._turns = anyio.CapacityLimiter(1)

    async def described(
        self, source: Source, origin: Origin, before: Draft | None, report: Reporter | None = None
    ) -> Described:
        """System's own: the content of `source`. What `before` knows of code and packages that stay is taken from it.

        Raises:
            ToolCodeInvalid: the code has no usable signature.
            FieldsInvalid: a schema is not usable, or would take too long to check arguments with.
            PackagesUnresolvable: there is no such set of packages.
            EnvironmentFailed: they cannot be had at the moment.
            SandboxUnavailable: nothing here may load this code, so its schemas must be given.
            TooLarge: more code than one ToolSet may have.
        """
        _check(source, origin)
        lock = await self._locked(source, before, report)
        known = {} if before is None or not _loads_alike(source, lock, before) else _known(source, before)
        unknown = [tool for tool in source.tools if tool.input_schema is None and tool.slug not in known]
        if unknown:
            known |= await self._asked(source, unknown, origin, lock, report)
        content = Content(
            lock=lock,
            name=source.name or source.slug,
            description=source.description,
            language=source.language,
            packages=source.packages,
            sandbox=source.sandbox,
            tools=tuple(
                _tool(tool, known.get(tool.slug, _SAID_NOTHING))
                for tool in sorted(source.tools, key=lambda tool: tool.slug)
            ),
        )
        await self.check(content)
        return Described(content, {tool.slug: _missing(tool) for tool in source.tools})

    async def check(self, content: Content) -> None:
        """System's own: refuse content with a schema that could not be served.

        Raises:
            FieldsInvalid: with the name of the tool beside each fault.
        """
        for tool in content.tools:
            await anyio.to_thread.run_sync(check_schemas, tool, limiter=self._turns)

    async def _locked(self, source: Source, before: Draft | None, report: Reporter | None) -> Lock | None:
        """The lock that fits the packages: the one given, the one that the draft has, or a new one."""
        if not source.needs_environment:
            return None
        for lock in (source.lock, None if before is None else before.content.lock):
            if lock is not None and (lock.kind, lock.packages) == (source.language, source.packages):
                return lock
        return await self._resolver.resolve(source.language, source.packages, report)

    async def _asked(
        self,
        source: Source,
        tools: list[SourceTool],
        origin: Origin,
        lock: Lock | None,
        report: Reporter | None,
    ) -> dict[str, Signature]:
        # The digest says what is described: code and packages, before there is a content to take one over.
        digest = json_values.digest([source.digest, None if lock is None else lock.text])
        bundle = Bundle(
            digest=f"draft:{digest}",
            toolset=source.slug,
            language=source.language,
            lock=lock,
            network=source.sandbox.network,
            prewarm="packages",
        )
        engine = self._engines.of(source.sandbox, origin)
        await engine.prepare(bundle, report)
        try:
            return {tool.slug: await self._signature(source, tool, engine, bundle) for tool in tools}
        finally:
            with anyio.CancelScope(shield=True):
                await engine.discard(bundle.digest)

    async def _signature(self, source: Source, tool: SourceTool, engine: Engine, bundle: Bundle) -> Signature:
        program = Program(bundle=bundle, tool=tool.slug, entrypoint=tool.entrypoint, code=tool.code)
        return await engine.describe(program, self._allowance.limits(source.sandbox))


def _check(source: Source, origin: Origin) -> None:
    if source.sandbox.provider == INPROCESS and origin is not Origin.OPERATOR:
        rule = "code that came through the API never runs inside the server; choose 'local'"
        raise FieldsInvalid([{"pointer": "/sandbox/provider", "detail": rule}], f"/sandbox/provider: {rule}.")
    slugs = [tool.slug for tool in source.tools]
    if len(set(slugs)) < len(slugs):
        twice = next(slug for slug in slugs if slugs.count(slug) > 1)
        fault: JsonObject = {"pointer": "/tools", "detail": f"'{twice}' stands here twice"}
        raise FieldsInvalid([fault])
    if sum(len(tool.code) for tool in source.tools) > MAX_CODE_TOTAL:
        raise TooLarge(f"The tools of a ToolSet have at most {MAX_CODE_TOTAL} characters of code together.")


def _loads_alike(source: Source, lock: Lock | None, before: Draft) -> bool:
    return (source.language, lock) == (before.content.language, before.content.lock)


def _known(source: Source, before: Draft) -> dict[str, Signature]:
    """What was read before, of tools with the same code of which everything that is not given was read."""
    found = {}
    for tool in source.tools:
        old = before.content.find_tool(tool.slug)
        if old is None or (old.code, old.entrypoint) != (tool.code, tool.entrypoint):
            continue
        if tool.input_schema is None and set(_missing(tool)) <= set((before.derived or {}).get(tool.slug, ())):
            found[tool.slug] = Signature(
                input_schema=old.input_schema, output_schema=old.output_schema, description=old.description
            )
    return found


def _missing(tool: SourceTool) -> tuple[str, ...]:
    """The fields that are read from the code: none when the input schema is given, since it is not loaded then."""
    if tool.input_schema is not None:
        return ()
    given = {"description": bool(tool.description), "output_schema": tool.output_schema is not None}
    return ("input_schema", *(name for name, is_given in given.items() if not is_given))


def _tool(tool: SourceTool, said: Signature) -> Tool:
    return Tool(
        slug=tool.slug,
        entrypoint=tool.entrypoint,
        code=tool.code,
        name=tool.name or tool.slug,
        description=tool.description or said.description,
        input_schema=said.input_schema if tool.input_schema is None else tool.input_schema,
        output_schema=tool.output_schema or said.output_schema,
        annotations=tool.annotations,
    )


def check_schemas(tool: Tool) -> None:
    """Refuse schemas that could not be served: see `schema_weights.check`.

    Raises:
        FieldsInvalid: with the name of the tool beside each fault.
    """
    for name, schema in (("inputSchema", tool.input_schema), ("outputSchema", tool.output_schema)):
        if schema is None:
            continue
        try:
            schema_weights.check(schema)
        except SchemaInvalid as error:
            fault: JsonObject = {"pointer": f"/{name}", "detail": error.message, "tool": tool.slug}
            raise FieldsInvalid([fault], f"The {name} of '{tool.slug}' cannot be used: {error.message}") from error
