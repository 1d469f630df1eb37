"""The audit log: what it is told of a change by the service that makes it, who reads it, and whether it is whole."""

from collections.abc import AsyncIterator
from datetime import datetime

from jinba_mcp import logs
from jinba_mcp.domain import ids, json_values
from jinba_mcp.domain.audit import (
    MAX_FAULTS,
    ActorKind,
    AuditEntry,
    AuditFact,
    AuditFilter,
    ChainReport,
    Fault,
    Link,
    entry_fault,
    head_fault,
)
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import CursorInvalid
from jinba_mcp.domain.ids import OrganizationId
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.storage.store import Store

MAX_SIDE_BYTES = 16_384
"""How much of what was there before, or is there after, an entry keeps; of more than that it keeps a digest."""

_BATCH = 500
_CURSOR_DIGITS = 9


class AuditLog:
    """Reads the log; services write it with `fact`, in the transaction of the change."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, caller: Caller, organization: str, wanted: AuditFilter, request: PageRequest
    ) -> Page[AuditEntry]:
        """What was changed in an organization, newest first.

        Raises:
            ScopeMissing: `admin` is not held.
            CursorInvalid: the list never gave out this cursor.
        """
        organization_id = caller.require(organization, Scope.ADMIN)
        return await self._page(organization_id, wanted, request)

    async def page_of_installation(self, caller: Caller, wanted: AuditFilter, request: PageRequest) -> Page[AuditEntry]:
        """What was changed that is no organization's, such as users, newest first.

        Raises:
            OperatorNeeded: the caller is not the operator.
        """
        caller.require_operator()
        return await self._page(None, wanted, request)

    async def verify(self, caller: Caller) -> AsyncIterator[ChainReport]:
        """Look through every chain, those of deleted organizations too, for entries changed, removed or put in.

        What cannot be seen is a chain that someone wrote anew from some entry on, with its head: for that, heads are
        to be kept elsewhere and compared.

        Raises:
            OperatorNeeded: the caller is not the operator.
        """
        caller.require_operator()
        after: str | None = None
        while True:
            async with self._store.read() as tx:
                chains = await tx.audit.chains(after, _BATCH)
            if not chains:
                return
            for chain in chains:
                yield await self._verified(OrganizationId(chain) if chain else None)
            after = chains[-1]

    async def _verified(self, organization_id: OrganizationId | None) -> ChainReport:
        last, seen, count = Link(), None, 0
        faults: list[Fault] = []
        while True:
            async with self._store.read() as tx:
                # The head first: what is appended while this reads comes after it, and is read in the next round.
                head = await tx.audit.head(organization_id) or Link()
                sequences = await tx.audit.sequences(organization_id, seen, _BATCH)
                entries = await tx.audit.legible(organization_id, sequences) if sequences else {}
            if not sequences:
                break
            for sequence in sequences:
                entry = entries.get(sequence)
                _note(faults, entry_fault(last, organization_id, sequence, entry))
                last = Link(sequence=sequence, digest="" if entry is None else entry.digest)
            seen, count = sequences[-1], count + len(sequences)
        _note(faults, head_fault(last, head))
        return ChainReport(organization_id=organization_id, entry_count=count, head=last, faults=tuple(faults))

    async def _page(
        self, organization_id: OrganizationId | None, wanted: AuditFilter, request: PageRequest
    ) -> Page[AuditEntry]:
        before = None if request.after is None else _sequence(request.after)
        async with self._store.read() as tx:
            return await tx.audit.page(organization_id, wanted, before, request.limit)


def _note(faults: list[Fault], fault: Fault | None) -> None:
    if fault is not None and len(faults) < MAX_FAULTS:
        faults.append(fault)


def _sequence(after: str) -> int:
    if not (after.isascii() and after.isdigit() and len(after) <= _CURSOR_DIGITS):
        raise CursorInvalid
    return int(after)


def fact(  # noqa: PLR0913  who, what, where, when, and both sides of it
    caller: Caller | None,
    action: str,
    target: str,
    *,
    organization_id: OrganizationId | None,
    at: datetime,
    before: JsonObject | None = None,
    after: JsonObject | None = None,
) -> AuditFact:
    """A change by `caller` (None: by the server itself), as `tx.audit.add` takes it inside the changing transaction.

    `before` and `after` are what the change replaced and what it left, or only the fields that differ; None where there
    was or is nothing. They must not hold a secret: `digested` gives what may stand for one.
    """
    return AuditFact(
        id=ids.audit_id(at),
        organization_id=organization_id,
        created_at=at,
        actor=ActorKind.SYSTEM if caller is None else ActorKind(caller.kind.value),
        user_id=None if caller is None else caller.user_id,
        key_id=None if caller is None else caller.key_id,
        key_name=None if caller is None else caller.key_name,
        key_prefix=None if caller is None else caller.key_prefix,
        address=logs.client_address.get(),
        request_id=logs.request_id.get(),
        action=action,
        target=target,
        before=_bounded(before),
        after=_bounded(after),
    )


def digested(secret: str) -> str:
    """What stands for a secret: equal for equal ones of a kind and of no use to whoever reads it."""
    return json_values.digest(secret)


def _bounded(side: JsonObject | None) -> JsonObject | None:
    if side is None:
        return None
    text = json_values.canonical(side)
    return side if len(text) <= MAX_SIDE_BYTES else {"digest": json_values.digest(side), "bytes": len(text)}
