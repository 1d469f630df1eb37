"""Deleting an organization is begun once and finished by whoever comes, also after kill -9 in the middle of it."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from jinba_mcp.core.webhooks import WebhookTerms
from jinba_mcp.domain.errors import OrganizationNotFound
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.organizations import LONGEST_IN_FLIGHT, Contents
from jinba_mcp.domain.runs import RunStatus
from jinba_mcp.domain.webhooks import EventName
from jinba_mcp.storage.store import Store
from tests.storage.records import a_run
from tests.storage.test_removal import counted
from tests.worlds import World

_LEFT = ("run", "run_ended", "run_word", "run_tally", "run_claim", "delivery")


async def furnished(world: World) -> OrganizationId:
    """The other organization with runs that are filed, told of, in flight and not filed yet."""
    owner = await world.core.organizations.operator("other")
    terms = WebhookTerms(url="https://example.com/hook", events=(EventName.TOOL_RUN_COMPLETED,))
    await world.core.webhooks.create(owner, "other", terms)
    organization = await world.core.organizations.resolve("other")
    for _ in range(5):
        run = a_run(organization.id, at=world.clock())
        await world.store.journal.start(run)
        await world.store.journal.finish(run.finished(RunStatus.SUCCESS, at=world.clock()))
    await world.core.filing.file()
    await world.store.journal.record(a_run(organization.id, status=RunStatus.FAILED, finished_at=world.clock()))
    await world.store.journal.start(a_run(organization.id))
    return organization.id


async def left(store: Store) -> dict[str, int]:
    found = await counted(store)
    return {name: found[name] for name in _LEFT if found.get(name)}


async def killed_while_deleting(url: str, slug: str) -> None:
    command = [sys.executable, "-m", "tests.core.removing", url, slug]
    said = b""
    async with await anyio.open_process(command, cwd=Path(__file__).parents[2], stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        async for chunk in process.stdout:
            said += chunk
            if said.count(b"removed some") >= 2 and process.returncode is None:
                process.kill()
        assert await process.wait() < 0, said.decode()


async def test_a_deletion_that_was_killed_in_the_middle_is_finished_by_whoever_comes(
    world: World, database_url: str
) -> None:
    organization_id = await furnished(world)
    with anyio.fail_after(30):
        await killed_while_deleting(database_url, "other")
    with pytest.raises(OrganizationNotFound):
        await world.core.organizations.resolve("other")
    assert await left(world.store)

    await world.core.organizations.finish_removals()
    assert await left(world.store) == {}
    async with world.store.read() as tx:
        assert await tx.organizations.contents(organization_id) == Contents(**dict.fromkeys(Contents.model_fields, 0))
    assert await world.store.check() == []


async def test_what_was_in_flight_when_it_was_deleted_goes_too_when_it_has_ended(world: World) -> None:
    owner = await world.core.organizations.operator("other")
    organization = await world.core.organizations.resolve("other")
    await world.core.organizations.delete(owner, "other", confirm="other")
    await world.core.organizations.finish_removals()

    run = a_run(organization.id, at=world.clock())
    await world.store.journal.start(run)
    await world.store.journal.finish(run.finished(RunStatus.SUCCESS, at=world.clock()))
    await world.core.filing.file()
    assert set(await left(world.store)) == {"run", "run_tally", "run_word"}
    world.clock.advance(seconds=LONGEST_IN_FLIGHT.total_seconds() + 1)
    await world.core.organizations.finish_removals()
    assert await left(world.store) == {}
    async with world.store.read() as tx:
        assert await tx.organizations.removals() == []
