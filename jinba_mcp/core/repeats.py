"""Repeats: what makes a call under an `Idempotency-Key` happen once, in whichever processes it is sent again."""

from jinba_mcp.clock import Clock
from jinba_mcp.core.flights import Flights
from jinba_mcp.domain import repeats
from jinba_mcp.domain.errors import FieldsInvalid, IdempotencyKeyReused, Unavailable
from jinba_mcp.domain.ids import OrganizationId, RunId
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.repeats import MAX_KEY_CHARACTERS, Claim
from jinba_mcp.domain.runs import Run
from jinba_mcp.storage.store import Store

LONGEST_WAIT_S = 930.0
"""How long a repeat waits for the first: as long as a run may take, and some."""


class RepeatKey(Record):
    """A client's key for a call, and what the call asks for."""

    organization_id: OrganizationId
    digest: str
    fingerprint: str


class Taken(Exception):
    """Another call got the key first; told to the call that lost, never to a client."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim.run_id)
        self.claim = claim


class Repeats:
    """Claims lie in the same transaction as the start of their run, so there is never one without the other."""

    def __init__(self, store: Store, clock: Clock, flights: Flights) -> None:
        self._store = store
        self._clock = clock
        self._flights = flights

    async def first(self, key: RepeatKey) -> RunId | None:
        """System's own: the run that the key stands for, if it was used in the last 24 hours.

        Raises:
            IdempotencyKeyReused: it stands for another call.
        """
        async with self._store.read() as tx:
            claim = await tx.repeats.find(key.organization_id, key.digest, self._clock())
        return None if claim is None else claimed(claim, key)

    async def start(self, run: Run, key: RepeatKey, price: int = 0) -> None:
        """System's own: record, and charge, a run that is about to begin, and that the key stands for it from now on.

        Raises:
            Taken: the key stands for an earlier call, so this one must not begin; nothing was recorded.
            CreditsInsufficient: the organization cannot pay the price; nothing was recorded.
        """
        wanted = Claim(
            organization_id=key.organization_id,
            key_digest=key.digest,
            fingerprint=key.fingerprint,
            run_id=run.id,
            created_at=run.created_at,
        )
        async with self._store.begin() as tx:
            holding = await tx.repeats.claim(wanted)
            if holding == wanted:
                if price:
                    await tx.credits.charge(run, price)
                await tx.runs.start(run)
        if holding != wanted:
            raise Taken(holding)

    async def release(self, run: Run, key: RepeatKey) -> None:
        """System's own: let the key be used again, because the tool never ran."""
        async with self._store.begin() as tx:
            await tx.repeats.release(run.id, key.organization_id, key.digest)

    async def answer(self, key: RepeatKey, run_id: RunId) -> Run:
        """System's own: the first run as it is recorded, once it has ended.

        Raises:
            Unavailable: it does not end.
            RunNotFound: it was deleted since.
        """
        run = await self._flights.wait_for_end(key.organization_id, run_id, LONGEST_WAIT_S)
        if not run.status.is_final:
            raise Unavailable("The first call with this Idempotency-Key has not ended yet. Try again later.")
        return run


def repeat_key(organization_id: OrganizationId, key: str, *asked: JsonObject | str | None) -> RepeatKey:
    """The key of a call, from what the client calls it and what it asks for.

    Raises:
        FieldsInvalid: the client's key is empty, too long or not printable ASCII.
    """
    if not (0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable()):
        detail = f"use 1 to {MAX_KEY_CHARACTERS} printable ASCII characters"
        raise FieldsInvalid([{"parameter": "Idempotency-Key", "detail": detail}])
    return RepeatKey(
        organization_id=organization_id, digest=repeats.key_digest(key), fingerprint=repeats.fingerprint(*asked)
    )


def claimed(claim: Claim, key: RepeatKey) -> RunId:
    """The run that answers a call with this key.

    Raises:
        IdempotencyKeyReused: the claim is another call's.
    """
    if claim.fingerprint != key.fingerprint:
        raise IdempotencyKeyReused(claim.run_id)
    return claim.run_id
