"""Env: secrets go in, reach runs, and never come out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from jinba_mcp.core import audit
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.env import MAX_VARIABLES, EnvDeclaration, Setting
from jinba_mcp.domain.errors import (
    CountExceeded,
    EnvNotFound,
    Forbidden,
    OperatorNeeded,
    OrganizationNotFound,
    ScopeMissing,
    SecretsUnreadable,
    ToolSetNotFound,
)
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.sources import Source
from jinba_mcp.domain.toolsets import Listing, ToolSet
from jinba_mcp.storage.store import Store
from jinba_mcp.storage.transaction import Transaction
from tests.worlds import World

SECRET = "xoxb-hunter2"
WHERE = ("default", "greeting-tools")


@pytest.fixture
async def toolset(world: World, make_source: Callable[..., Source]) -> ToolSet:
    declared = (EnvDeclaration(key="REGION", value="eu"), EnvDeclaration(key="TOKEN", secret=True))
    source = make_source(listing=Listing(env=declared))
    return (await world.core.drafts.save(world.operator, "default", source))[0]


async def put(world: World, key: str, value: str, *, is_secret: bool = False, by: Caller | None = None) -> None:
    setting = Setting(key=key, value=value, is_secret=is_secret)
    await world.core.env.put(by or world.operator, *WHERE, setting)


async def test_a_run_gets_declared_values_and_what_was_set_over_them(world: World, toolset: ToolSet) -> None:
    assert (await world.core.env.of(toolset)).variables == {"REGION": "eu"}
    await put(world, "REGION", "us")
    await put(world, "TOKEN", SECRET, is_secret=True)
    env = await world.core.env.of(toolset)
    assert (env.variables, env.secrets) == ({"REGION": "us", "TOKEN": SECRET}, (SECRET,))
    await world.core.env.remove(world.operator, *WHERE, "REGION")
    assert (await world.core.env.of(toolset)).variables["REGION"] == "eu"


async def test_who_found_the_toolset_before_a_change_leaves_nothing_old_behind(world: World, toolset: ToolSet) -> None:
    declared = (EnvDeclaration(key="REGION", value="us"),)
    changed, _ = await world.core.drafts.change(world.operator, *WHERE, {"env": declared})
    await world.core.env.of(toolset)
    assert (await world.core.env.of(changed)).variables == {"REGION": "us"}


async def test_a_secret_lies_sealed_and_is_listed_without_its_value(world: World, toolset: ToolSet) -> None:
    await put(world, "TOKEN", SECRET, is_secret=True)
    _, listed = await world.core.env.page(await world.key(Scope.READ), *WHERE)
    assert [(each.key, each.value, each.is_secret) for each in listed] == [("TOKEN", None, True)]
    async with world.store.read() as tx:
        assert SECRET not in repr(await tx.env.of_toolset(toolset.id))


async def test_removing_what_is_not_set_is_told(world: World, toolset: ToolSet) -> None:
    with pytest.raises(EnvNotFound, match="NOTHING"):
        await world.core.env.remove(world.operator, *WHERE, "NOTHING")


@pytest.mark.slow  # hundreds of transactions
async def test_there_is_a_limit_to_how_many_there_are_but_not_to_changing_them(world: World, toolset: ToolSet) -> None:
    for number in range(MAX_VARIABLES):
        await put(world, f"V{number}", "1")
    with pytest.raises(CountExceeded, match="100 variables"):
        await put(world, "ONE_MORE", "1")
    await put(world, "V7", "2")
    assert (await world.core.env.of(toolset)).variables["V7"] == "2"


async def test_writing_needs_write_and_reading_needs_read(world: World, toolset: ToolSet) -> None:
    reader, writer = await world.key(Scope.READ), await world.key(Scope.WRITE)
    with pytest.raises(ScopeMissing):
        await put(world, "A", "1", by=reader)
    with pytest.raises(ScopeMissing):
        await world.core.env.remove(reader, *WHERE, "A")
    with pytest.raises(ScopeMissing):
        await world.core.env.page(writer, *WHERE)
    await put(world, "A", "1", by=writer)


async def test_another_organization_and_a_narrowed_key_find_nothing(world: World, toolset: ToolSet) -> None:
    stranger = await world.key(Scope.ADMIN, organization="other")
    with pytest.raises(OrganizationNotFound):
        await put(world, "A", "1", by=stranger)
    narrowed = await world.key(Scope.READ, Scope.WRITE, toolsets=("elsewhere",))
    with pytest.raises(ToolSetNotFound):
        await put(world, "A", "1", by=narrowed)
    with pytest.raises(ToolSetNotFound):
        await world.core.env.page(narrowed, *WHERE)


async def test_a_key_narrowed_to_some_tools_sets_nothing_for_all_of_them(world: World, toolset: ToolSet) -> None:
    await put(world, "A", "1")
    narrowed = await world.key(Scope.READ, Scope.WRITE, tools=(f"{toolset.slug}/greet",))
    with pytest.raises(Forbidden, match="narrowed to some tools"):
        await put(world, "A", "2", by=narrowed)
    with pytest.raises(Forbidden, match="narrowed to some tools"):
        await world.core.env.remove(narrowed, *WHERE, "A")
    _, variables = await world.core.env.page(narrowed, *WHERE)
    assert [variable.value for variable in variables] == ["1"]


async def test_after_a_rotation_every_secret_is_under_the_new_key_only(
    world: World, toolset: ToolSet, keyring: Keyring
) -> None:
    for number in range(3):
        await put(world, f"S{number}", f"{SECRET}-{number}", is_secret=True)
    await put(world, "PLAIN", "1")
    async with world.store.read() as tx:
        old = [each.sealed for each in await tx.env.of_toolset(toolset.id) if each.sealed]
    assert (await world.core.env.rotate(world.operator)).resealed_count == 3
    with pytest.raises(SecretsUnreadable):
        keyring.open(old[0], f"{toolset.id}/S0")
    assert (await world.core.env.of(toolset)).variables["S2"] == f"{SECRET}-2"
    with pytest.raises(OperatorNeeded):
        await world.core.env.rotate(await world.key(Scope.ADMIN))


async def test_a_rotation_that_ends_while_another_is_at_work_loses_no_secret(
    world: World, toolset: ToolSet, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = Keyring(keyring._path)

    class Beginning:
        async def reseal(self) -> int:
            theirs.add()
            return 0

    await put(world, "TOKEN", SECRET, is_secret=True)
    monkeypatch.setattr(world.core.env, "_others", [Beginning()])
    await world.core.env.rotate(world.operator)
    monkeypatch.undo()
    assert (await world.core.env.of(toolset)).variables["TOKEN"] == SECRET
    assert (await world.core.env.rotate(world.operator)).resealed_count == 1
    assert (await world.core.env.of(toolset)).variables["TOKEN"] == SECRET


async def test_the_keys_change_while_nobody_writes_what_they_seal(
    world: World, toolset: ToolSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, is_open, alone = Store.begin, False, dict[str, bool]()

    @asynccontextmanager
    async def noted(store: Store) -> AsyncIterator[Transaction]:
        nonlocal is_open
        async with begin(store) as tx:
            is_open = True
            yield tx
            is_open = False

    def spied(name: str) -> None:
        method = getattr(Keyring, name)

        def spy(keyring: Keyring, *given: str) -> object:
            alone[name] = is_open
            return method(keyring, *given)

        monkeypatch.setattr(Keyring, name, spy)

    await put(world, "TOKEN", SECRET, is_secret=True)
    monkeypatch.setattr(Store, "begin", noted)
    for name in ("add", "forget_older"):
        spied(name)
    await world.core.env.rotate(world.operator)
    assert alone == {"add": True, "forget_older": True}


async def test_a_lost_key_is_told_to_whoever_runs_and_forgets_nothing(
    world: World, toolset: ToolSet, keyring: Keyring
) -> None:
    await put(world, "TOKEN", SECRET, is_secret=True)
    keyring._path.unlink()
    keyring._keys = []
    with pytest.raises(SecretsUnreadable, match=r"secret\.key"):
        await world.core.env.of(toolset)
    with pytest.raises(SecretsUnreadable):
        await world.core.env.rotate(world.operator)
    async with world.store.read() as tx:
        assert await tx.env.count_sealed() == 1


async def test_setting_and_unsetting_are_audited_without_a_secret_in_it(world: World) -> None:
    await world.publish()
    env, owner = world.core.env, world.operator
    for setting in (
        Setting(key="A", value="plain"),
        Setting(key="A", value="hush", is_secret=True),
        Setting(key="A", value="x"),
    ):
        await env.put(owner, "default", "greeting-tools", setting)
    await env.remove(owner, "default", "greeting-tools", "A")
    organization = await world.core.organizations.resolve("default")
    async with world.store.read() as tx:
        entries = [e for e in await tx.audit.following(organization.id, 0, 100) if e.action.startswith("env.")]
    digest = audit.digested("hush")
    assert [(entry.action, entry.target, entry.before, entry.after) for entry in entries] == [
        ("env.set", "greeting-tools/A", None, {"secret": False, "value": "plain"}),
        ("env.set", "greeting-tools/A", {"secret": False, "value": "plain"}, {"secret": True, "value": digest}),
        ("env.set", "greeting-tools/A", {"secret": True}, {"secret": False, "value": "x"}),
        ("env.unset", "greeting-tools/A", {"secret": False, "value": "x"}, None),
    ]
