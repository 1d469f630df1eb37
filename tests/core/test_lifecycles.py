"""The life of ToolSets in any order of events, held against a model that is too simple to be wrong."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from jinba_mcp.core.catalog import ToolSetRef
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.core.versions import Publication
from jinba_mcp.domain.errors import (
    Conflict,
    JinbaError,
    NameTaken,
    NotFound,
    PreconditionFailed,
    ToolNotFound,
    ToolSetNotFound,
    VersionNotFound,
    VersionYanked,
)
from jinba_mcp.domain.pages import PageRequest
from jinba_mcp.domain.revisions import toolset_tag
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.versions import Marks
from jinba_mcp.storage.store import Store
from tests.worlds import PretendedResolver, PretendedSandbox, World, a_world

T = TypeVar("T")

SLUGS = st.sampled_from(["one-tools", "two-tools"])
TOOLS = st.sampled_from(["a", "b", "c"])
CODES = st.sampled_from(["1", "2"])
PLACES = st.integers(0, 5)


@dataclass
class Published:
    number: str
    tools: dict[str, str]
    is_deprecated: bool = False
    is_yanked: bool = False


@dataclass
class Expected:
    draft: dict[str, str] = field(default_factory=dict)
    versions: list[Published] = field(default_factory=list)
    active: str | None = None


class Lifecycles(RuleBasedStateMachine):
    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.expected: dict[str, Expected] = {}
        self.folder = Path(tempfile.mkdtemp())
        # In this thread: where a thread that held greenlets of SQLAlchemy ends, coverage has been seen to hang.
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.world, self.author = self.runner.run(self._opened())

    async def _opened(self) -> tuple[World, Any]:
        shutil.copyfile(self.template, self.folder / "jinba.db")
        store = await Store.open(f"sqlite:///{self.folder / 'jinba.db'}")
        self.stack.push_async_callback(store.close)
        sandbox = PretendedSandbox(is_up=True)
        made = a_world(store, PretendedResolver(), Keyring(self.folder / "secret.key"), sandbox)
        world = await self.stack.enter_async_context(made)
        return world, await world.key(Scope.READ, Scope.WRITE)

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    def done(self, work: Callable[..., Awaitable[T]], *arguments: Any, **named: Any) -> T | JinbaError:
        """What came of it: an answer, or the error that it was refused with."""

        async def attempt() -> T | JinbaError:
            self.world.clock.advance(seconds=1)
            try:
                return await work(self.author, "default", *arguments, **named)
            except JinbaError as error:
                return error

        return self.runner.run(attempt())

    @rule(slug=SLUGS)
    def create(self, slug: str) -> None:
        made = self.done(self.world.core.drafts.create, Source(slug=slug))
        if slug in self.expected:
            assert isinstance(made, NameTaken)
        else:
            assert not isinstance(made, JinbaError)
            self.expected[slug] = Expected()

    @rule(slug=SLUGS, tool=TOOLS, code=CODES)
    def add_tool(self, slug: str, tool: str, code: str) -> None:
        added = self.done(self.world.core.drafts.add_tool, slug, SourceTool(slug=tool, code=code))
        if slug not in self.expected:
            assert isinstance(added, ToolSetNotFound)
        elif tool in self.expected[slug].draft:
            assert isinstance(added, NameTaken)
        else:
            assert not isinstance(added, JinbaError)
            self.expected[slug].draft[tool] = code

    @rule(slug=SLUGS, tool=TOOLS, code=CODES, is_stale=st.booleans())
    def change_tool(self, slug: str, tool: str, code: str, *, is_stale: bool) -> None:
        wanted = {"if_match": {"stale"}} if is_stale else {}
        changed = self.done(self.world.core.drafts.change_tool, slug, tool, {"code": code}, **wanted)
        if slug not in self.expected:
            assert isinstance(changed, ToolSetNotFound)
        elif tool not in self.expected[slug].draft:
            assert isinstance(changed, ToolNotFound)
        elif is_stale:
            assert isinstance(changed, PreconditionFailed)
        else:
            assert not isinstance(changed, JinbaError)
            self.expected[slug].draft[tool] = code

    @rule(slug=SLUGS, tool=TOOLS)
    def remove_tool(self, slug: str, tool: str) -> None:
        removed = self.done(self.world.core.drafts.remove_tool, slug, tool)
        known = self.expected.get(slug, Expected()).draft
        assert isinstance(removed, NotFound) is (tool not in known)
        known.pop(tool, None)

    @rule(slug=SLUGS, is_activated=st.sampled_from([None, True, False]))
    def publish(self, slug: str, *, is_activated: bool | None) -> None:
        version = self.done(self.world.core.versions.publish, slug, Publication(activate=is_activated))
        known = self.expected.get(slug)
        if known is None:
            assert isinstance(version, ToolSetNotFound)
        elif not known.draft or (known.versions and known.versions[-1].tools == known.draft):
            assert isinstance(version, Conflict)
        else:
            assert not isinstance(version, JinbaError)
            assert version.number == f"1.0.{len(known.versions)}"
            known.versions.append(Published(version.number, dict(known.draft)))
            if is_activated or (is_activated is None and known.active is None):
                known.active = version.number

    @rule(slug=SLUGS, place=PLACES)
    def activate(self, slug: str, place: int) -> None:
        activated = self.done(self.world.core.versions.activate, slug, f"1.0.{place}")
        version = self._version(slug, place)
        if version is None:
            assert isinstance(activated, NotFound)
        elif version.is_yanked:
            assert isinstance(activated, VersionYanked)
        else:
            assert not isinstance(activated, JinbaError)
            self.expected[slug].active = version.number

    @rule(slug=SLUGS, place=PLACES, deprecated=st.none() | st.booleans(), yanked=st.none() | st.booleans())
    def mark(self, slug: str, place: int, *, deprecated: bool | None, yanked: bool | None) -> None:
        marks = Marks(deprecated=deprecated, yanked=yanked)
        marked = self.done(self.world.core.versions.mark, slug, f"1.0.{place}", marks)
        version = self._version(slug, place)
        if version is None:
            assert isinstance(marked, NotFound)
            return
        assert not isinstance(marked, JinbaError)
        version.is_deprecated = version.is_deprecated if deprecated is None else deprecated
        version.is_yanked = version.is_yanked if yanked is None else yanked
        if version.is_yanked and self.expected[slug].active == version.number:
            self.expected[slug].active = None

    @rule(slug=SLUGS)
    @precondition(lambda self: self.expected)
    def export_and_import(self, slug: str) -> None:
        archive = self.done(self.world.core.archives.export, slug)
        assert isinstance(archive, ToolSetNotFound) is (slug not in self.expected)
        if isinstance(archive, bytes):
            assert not isinstance(self.done(self.world.core.archives.load, archive), JinbaError)
            assert self.done(self.world.core.archives.export, slug) == archive

    @rule(slug=SLUGS, is_confirmed=st.booleans())
    def delete(self, slug: str, *, is_confirmed: bool) -> None:
        removed = self.done(self.world.core.toolsets.remove, slug, slug if is_confirmed else None)
        if slug not in self.expected:
            assert isinstance(removed, ToolSetNotFound)
        elif not is_confirmed:
            assert isinstance(removed, Conflict)
        else:
            assert removed is None
            del self.expected[slug]

    def _version(self, slug: str, place: int) -> Published | None:
        found = self.expected.get(slug, Expected()).versions
        return found[place] if place < len(found) else None

    @invariant()
    def all_is_as_expected(self) -> None:
        page = self.done(self.world.core.toolsets.page, PageRequest())
        assert not isinstance(page, JinbaError)
        assert [toolset.slug for toolset in page.items] == sorted(self.expected)
        for slug, known in self.expected.items():
            self._check(slug, known)

    def _check(self, slug: str, known: Expected) -> None:
        found = self.done(self.world.core.drafts.get, slug)
        assert not isinstance(found, JinbaError)
        toolset, draft = found
        assert toolset_tag(*found)
        assert {tool.slug: tool.code for tool in draft.content.tools} == known.draft
        assert toolset.published_version == known.active
        assert toolset.latest_version == (known.versions[-1].number if known.versions else None)
        for version in known.versions:
            self._check_version(slug, version)
        located = self.done(self._located, slug, None)
        assert isinstance(located, VersionNotFound) is (known.active is None)

    def _check_version(self, slug: str, version: Published) -> None:
        snapshot = self.done(self.world.core.versions.get, slug, version.number)
        assert not isinstance(snapshot, JinbaError)
        assert {tool.slug: tool.code for tool in snapshot.content.tools} == version.tools
        assert (snapshot.version.deprecated_at is not None) is version.is_deprecated
        assert (snapshot.version.yanked_at is not None) is version.is_yanked
        located = self.done(self._located, slug, version.number)
        assert not isinstance(located, JinbaError)
        assert located.release.version.id == snapshot.version.id

    async def _located(self, caller: Any, organization: str, slug: str, version: str | None) -> Any:
        ref = ToolSetRef(organization=organization, toolset=slug, version=version)
        return await self.world.core.toolsets.locate(caller, ref)


@pytest.mark.parametrize(
    ("examples", "steps"), [(8, 20), pytest.param(25, 40, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_toolsets_live_as_expected(migrated_sqlite_file: Path, examples: int, steps: int) -> None:
    Lifecycles.template = migrated_sqlite_file
    chosen = settings(max_examples=examples, stateful_step_count=steps)
    run_state_machine_as_test(Lifecycles, settings=chosen)
