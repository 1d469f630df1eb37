"""What the core asks of a sandbox: packages locked and installed, secrets handed over and masked, drafts tried."""

import itertools
from collections.abc import Callable

import pytest

from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.runs import CallContext
from jinba_mcp.core.versions import Publication
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.env import Setting
from jinba_mcp.domain.errors import Conflict, SandboxUnavailable, ScopeMissing, ToolNotFound, ToolSetNotFound
from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.runs import Run, RunError, RunLogs, RunSource
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.toolsets import Origin
from jinba_mcp.sandbox.engine import Bundle, Outcome, OutcomeStatus
from tests.worlds import PretendedResolver, PretendedSandbox, World

HTTPX = (Package(name="httpx", version="0.28.1"),)
TEST = CallContext(source=RunSource.TEST)
WALLS = Isolation(provider="local", tier="namespaces", level=Level.STRONG)


@pytest.fixture
def up(sandbox: PretendedSandbox) -> PretendedSandbox:
    sandbox.is_up = True
    return sandbox


@pytest.fixture
def make(make_source: Callable[..., Source]) -> Callable[..., Source]:
    def made(**fields: object) -> Source:
        return make_source("api-tools", **{"sandbox": {}, **fields})

    return made


async def try_out(world: World, caller: Caller, tool: str = "greet", toolset: str = "api-tools") -> Run:
    ref = ToolRef(organization="default", toolset=toolset, tool=tool)
    return await world.core.runs.test(caller, ref, {}, TEST)


async def test_anyones_code_is_described_and_run_in_the_sandbox(
    world: World, up: PretendedSandbox, make: Callable[..., Source]
) -> None:
    author = await world.key(Scope.WRITE, Scope.EXECUTE, Scope.READ)
    source = make(sandbox={"timeout_s": 2, "network": ["api.example.com"], "mode": "reuse"})
    pushed = await world.core.versions.push(author, "default", source)
    assert pushed.version.origin is Origin.API
    up.outcome = Outcome(status=OutcomeStatus.SUCCESS, output={"a": 1}, isolation=WALLS)
    run = await world.call(author, "api-tools/greet")
    assert (run.output, run.isolation) == ({"a": 1}, WALLS)
    stored = await world.core.history.get(author, "default", run.id)
    assert stored.isolation == WALLS
    setup = up.setups[0]
    assert (setup.program.bundle.digest, setup.tenant) == (pushed.version.digest, run.organization_id)
    assert (setup.limits.timeout_s, setup.program.bundle.network) == (2, ("api.example.com",))
    assert setup.program.bundle.mode == "reuse"


async def test_packages_are_locked_once_and_installed_before_the_version_is_there(
    world: World, up: PretendedSandbox, resolver: PretendedResolver, make: Callable[..., Source]
) -> None:
    heard: list[str | None] = []
    source = make(packages=HTTPX)
    pushed = await world.core.versions.push(
        world.operator, "default", source, report=lambda _done, _total, said: heard.append(said)
    )
    snapshot = await world.core.versions.get(world.operator, "default", "api-tools", "1.0.0")
    lock = Lock(kind="python", packages=HTTPX, text="httpx\n")
    assert snapshot.content.lock == lock
    assert (up.prepared[-1].digest, up.prepared[-1].lock) == (pushed.version.digest, lock)
    assert "resolved" in heard
    assert "prepared" in heard
    changed = source.model_copy(update={"description": "Changed."})
    await world.core.versions.push(world.operator, "default", changed)
    assert resolver.asked == [HTTPX]
    await world.core.versions.push(world.operator, "default", make(packages=(*HTTPX, Package(name="rich"))))
    assert len(resolver.asked) == 2


async def test_an_edit_while_packages_are_installed_is_installed_before_it_is_published(
    world: World, up: PretendedSandbox, make: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = make(packages=(Package(name="rich"),))
    await world.core.drafts.save(world.operator, "default", edited)
    await world.core.drafts.save(world.operator, "default", make(packages=HTTPX))
    install, edits = up.prepare, [edited]

    async def beside_an_edit(bundle: Bundle, report: Reporter | None = None) -> None:
        await install(bundle, report)
        if edits:
            await world.core.drafts.save(world.operator, "default", edits.pop())

    monkeypatch.setattr(up, "prepare", beside_an_edit)
    version = await world.core.versions.publish(world.operator, "default", "api-tools", Publication())
    snapshot = await world.core.versions.get(world.operator, "default", "api-tools", version.number)
    assert snapshot.content.packages == edited.packages
    assert (up.prepared[-1].digest, up.prepared[-1].lock) == (version.digest, snapshot.content.lock)


async def test_a_draft_that_is_edited_all_the_time_is_not_published(
    world: World, up: PretendedSandbox, make: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.core.drafts.save(world.operator, "default", make(packages=HTTPX))
    descriptions = map(str, itertools.count())

    async def beside_an_edit(bundle: Bundle, report: Reporter | None = None) -> None:
        await world.core.drafts.change(world.operator, "default", "api-tools", {"description": next(descriptions)})

    given = (SourceTool(slug="greet", code="", input_schema={"type": "object"}),)
    await world.core.drafts.save(world.operator, "default", make(packages=HTTPX, tools=given))
    monkeypatch.setattr(up, "prepare", beside_an_edit)
    with pytest.raises(Conflict, match="edited"):
        await world.core.versions.publish(world.operator, "default", "api-tools", Publication())
    assert (await world.core.toolsets.get(world.operator, "default", "api-tools")).latest_version is None


async def test_a_lock_that_comes_along_is_used_if_it_is_for_these_packages(
    world: World, up: PretendedSandbox, resolver: PretendedResolver, make: Callable[..., Source]
) -> None:
    assert up.is_up
    lock = Lock(kind="python", packages=HTTPX, text="httpx==0.28.1 --hash=sha256:0\n")
    _, draft = await world.core.drafts.save(world.operator, "default", make(packages=HTTPX, lock=lock))
    assert (draft.content.lock, resolver.asked) == (lock, [])
    other = (Package(name="rich"),)
    _, draft = await world.core.drafts.save(world.operator, "default", make(packages=other, lock=lock))
    assert (draft.content.lock, resolver.asked) == (Lock(kind="python", packages=other, text="rich\n"), [other])


async def test_what_was_prepared_to_read_schemas_is_let_go_again(
    world: World, up: PretendedSandbox, make: Callable[..., Source]
) -> None:
    await world.core.drafts.save(world.operator, "default", make())
    assert up.discarded == [up.prepared[0].digest]
    given = (SourceTool(slug="greet", code="", input_schema={"type": "object"}),)
    await world.core.drafts.save(world.operator, "default", make(tools=given))
    assert len(up.prepared) == 1


async def test_in_process_the_packages_are_the_servers_own(
    world: World, resolver: PretendedResolver, make_source: Callable[..., Source]
) -> None:
    await world.core.versions.push(world.operator, "default", make_source(packages=HTTPX))
    assert resolver.asked == []


async def test_nothing_is_published_whose_packages_cannot_be_installed(
    world: World, up: PretendedSandbox, make: Callable[..., Source]
) -> None:
    await world.core.drafts.save(world.operator, "default", make(packages=HTTPX))
    up.is_up = False
    with pytest.raises(SandboxUnavailable):
        await world.core.versions.publish(world.operator, "default", "api-tools", Publication())
    assert (await world.core.toolsets.get(world.operator, "default", "api-tools")).latest_version is None


async def test_secrets_reach_the_run_and_are_masked_in_what_it_leaves(
    world: World, up: PretendedSandbox, make: Callable[..., Source]
) -> None:
    await world.core.versions.push(world.operator, "default", make())
    setting = Setting(key="TOKEN", value="hunter2-hunter2", is_secret=True)
    await world.core.env.put(world.operator, "default", "api-tools", setting)
    said = "the token is hunter2-hunter2"
    up.outcome = Outcome(
        status=OutcomeStatus.FAILED,
        error=RunError(name="Refused", message=said, traceback=f"line 1\n{said}"),
        logs=RunLogs(stdout=(said,), stderr=("a", said)),
        isolation=WALLS,
    )
    run = await world.call(world.operator, "api-tools/greet")
    assert up.setups[0].env.variables == {"TOKEN": "hunter2-hunter2"}
    stored = await world.core.history.get(world.operator, "default", run.id)
    for seen in (run, stored, world.observed[-1]):
        assert "hunter2" not in seen.model_dump_json()
    assert run.error == RunError(name="Refused", message="the token is ***", traceback="line 1\nthe token is ***")
    assert run.logs == RunLogs(stdout=("the token is ***",), stderr=("a", "the token is ***"))


async def test_the_draft_can_be_tried_and_leaves_a_run(
    world: World, up: PretendedSandbox, make: Callable[..., Source]
) -> None:
    author = await world.key(Scope.WRITE, Scope.EXECUTE, Scope.READ)
    await world.core.drafts.save(author, "default", make())
    run = await try_out(world, author)
    assert (run.source, run.version, run.succeeded) == (RunSource.TEST, "draft", True)
    assert await world.core.history.get(author, "default", run.id) == run
    assert up.setups[0].program.bundle.digest == run.version_digest


async def test_trying_a_draft_needs_write_and_execute(
    world: World, up: PretendedSandbox, make: Callable[..., Source]
) -> None:
    await world.core.drafts.save(world.operator, "default", make())
    for scopes in ((Scope.WRITE,), (Scope.EXECUTE,), (Scope.READ,)):
        with pytest.raises(ScopeMissing):
            await try_out(world, await world.key(*scopes))
    author = await world.key(Scope.WRITE, Scope.EXECUTE, tools=("api-tools/other",))
    with pytest.raises(ToolNotFound):
        await try_out(world, author)
    both = await world.key(Scope.WRITE, Scope.EXECUTE)
    with pytest.raises(ToolNotFound):
        await try_out(world, both, tool="nothing")
    with pytest.raises(ToolSetNotFound):
        await try_out(world, both, toolset="nothing")
    assert up.setups == []
