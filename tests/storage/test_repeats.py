"""Claims to idempotency keys, on both databases."""

from datetime import datetime, timedelta

from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.repeats import KEPT_FOR, Claim
from jinba_mcp.storage.store import Store
from tests.storage.records import NOW

ORGANIZATION = OrganizationId("org_1")


def a_claim(run_id: str, key: str = "key", at: datetime = NOW) -> Claim:
    return Claim(
        organization_id=ORGANIZATION, key_digest=key, fingerprint="sha256:0", run_id=RunId(run_id), created_at=at
    )


async def test_the_first_claim_holds(store: Store) -> None:
    async with store.begin() as tx:
        assert await tx.repeats.claim(a_claim("run_1")) == a_claim("run_1")
        assert await tx.repeats.claim(a_claim("run_2")) == a_claim("run_1")
        assert await tx.repeats.claim(a_claim("run_3", "another")) == a_claim("run_3", "another")


async def test_an_old_claim_is_as_good_as_none(store: Store) -> None:
    async with store.begin() as tx:
        await tx.repeats.claim(a_claim("run_1"))
        late = NOW + KEPT_FOR
        assert await tx.repeats.find(ORGANIZATION, "key", late - timedelta(microseconds=1)) == a_claim("run_1")
        assert await tx.repeats.find(ORGANIZATION, "key", late) is None
        assert await tx.repeats.claim(a_claim("run_2", at=late)) == a_claim("run_2", at=late)


async def test_only_the_run_that_claimed_releases(store: Store) -> None:
    async with store.begin() as tx:
        await tx.repeats.claim(a_claim("run_1"))
        await tx.repeats.release(RunId("run_2"), ORGANIZATION, "key")
        assert await tx.repeats.find(ORGANIZATION, "key", NOW) == a_claim("run_1")
        await tx.repeats.release(RunId("run_1"), ORGANIZATION, "key")
        assert await tx.repeats.find(ORGANIZATION, "key", NOW) is None


async def test_sweeping_takes_so_many_of_the_old_and_none_of_the_rest(store: Store) -> None:
    async with store.begin() as tx:
        for number in range(5):
            await tx.repeats.claim(a_claim(f"run_{number}", f"old-{number}"))
        await tx.repeats.claim(a_claim("run_new", "new", NOW + timedelta(hours=1)))
        assert [await tx.repeats.sweep(NOW + KEPT_FOR, 3) for _ in range(3)] == [3, 2, 0]
        assert await tx.repeats.find(ORGANIZATION, "new", NOW + timedelta(hours=1)) is not None
