"""Keys: who is calling, and the issuing, changing, rotating and revoking of what they call with."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from jinba_mcp.clock import Clock
from jinba_mcp.core import grants
from jinba_mcp.core.audit import fact
from jinba_mcp.core.cache import GenerationCache
from jinba_mcp.domain import ids, keys
from jinba_mcp.domain.audit import AuditFact
from jinba_mcp.domain.caller import Caller, CallerKind, Grant
from jinba_mcp.domain.errors import (
    AddressForbidden,
    CountExceeded,
    FieldsInvalid,
    KeyExpired,
    KeyMalformed,
    KeyMissing,
    KeyNotFound,
    KeyUnknown,
    NarrowingExceeded,
    PersonalKeyNeeded,
    ScopeMissing,
)
from jinba_mcp.domain.ids import OrganizationId, UserId
from jinba_mcp.domain.keys import MAX_KEYS, MAX_PERSONAL_KEYS, Key, KeyKind, Presented
from jinba_mcp.domain.limits import PerMinute
from jinba_mcp.domain.pages import Page, PageRequest
from jinba_mcp.domain.records import JsonObject, Record, UtcDateTime, rfc3339
from jinba_mcp.domain.scopes import DEFAULT_SCOPES, Scope, effective
from jinba_mcp.domain.tools import Slug
from jinba_mcp.storage.store import Store

_USE_RECORDED_EVERY = timedelta(minutes=1)
_USES_REMEMBERED = 100_000

ToolName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}/[a-z0-9_-]{1,64}$")]
"""`toolset-slug/tool-slug`."""

Network = Annotated[str, Field(max_length=50)]
"""An IP network in CIDR form."""


class KeyTerms(Record):
    """What a key may do, as asked for when it is made or changed."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = DEFAULT_SCOPES
    toolsets: Annotated[tuple[Slug, ...], Field(max_length=200)] | None = None
    tools: Annotated[tuple[ToolName, ...], Field(max_length=1_000)] | None = None
    allowed_ips: Annotated[tuple[Network, ...], Field(max_length=100)] | None = None
    rate_limit: PerMinute | None = None
    expires_at: UtcDateTime | None = None


class IssuedKey(Record):
    """A key with its secret: the only moment that the secret is seen."""

    key: Key
    secret: str


@dataclass(frozen=True)
class _Known:
    key: Key
    caller: Caller
    valid_until: datetime | None
    """When a rotated-out secret stops working; None for the current one."""


class Keys:
    """A key never hands out more than its caller holds: scopes and narrowing of the new one lie within the old."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: GenerationCache[str, _Known] = GenerationCache(store, max_entries=100_000)
        self._used: OrderedDict[str, datetime] = OrderedDict()

    async def authenticate(self, secret: str | None, address: str | None = None) -> Caller:
        """System's own: `recognise`, by the full key."""
        return await self.recognise(Presented.of(secret) if secret else None, address)

    async def recognise(self, presented: Presented | None, address: str | None = None) -> Caller:
        """System's own: the caller behind a key; also notes, at most once a minute, that the key was used.

        Raises:
            Unauthenticated: missing, malformed, unknown, revoked or expired.
            AddressForbidden: not from this client address.
        """
        if presented is None:
            raise KeyMissing
        digest = presented.digest
        found = self._known.at_hand(digest) or await self._known.get(digest, lambda: self._load(presented))
        if found is None:
            raise KeyUnknown
        key, now = found.key, self._clock()
        if found.valid_until is not None and found.valid_until <= now:
            raise KeyUnknown
        if key.expires_at is not None and key.has_expired(now):
            raise KeyExpired(rfc3339(key.expires_at))
        if key.allowed_ips is not None and not key.admits_address(address):
            raise AddressForbidden
        last_used_at = self._used.get(key.id, key.last_used_at)
        if last_used_at is None or now - last_used_at >= _USE_RECORDED_EVERY:
            await self._note_use(key, now)
        return found.caller

    async def me(self, caller: Caller) -> Key | None:
        """The record of the key that the caller came with; None for the operator. Needs no scope."""
        if caller.key_id is None:
            return None
        async with self._store.read() as tx:
            if caller.kind is CallerKind.PERSONAL_KEY and caller.user_id is not None:
                return await tx.keys.find_personal(caller.user_id, caller.key_id)
            return await tx.keys.find(caller.grants[0].organization_id, caller.key_id)

    async def page(self, caller: Caller, organization: str, request: PageRequest) -> Page[Key]:
        """The organization's keys, newest first, without the revoked."""
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            return await tx.keys.page(organization_id, request)

    async def get(self, caller: Caller, organization: str, key_id: str) -> Key:
        """One key of the organization.

        Raises:
            KeyNotFound: unknown, revoked or another organization's.
        """
        organization_id = caller.require(organization, Scope.READ)
        async with self._store.read() as tx:
            return await tx.keys.get(organization_id, key_id)

    async def issue(self, caller: Caller, organization: str, terms: KeyTerms) -> IssuedKey:
        """Make an organization key; it outlives whoever made it.

        Raises:
            CountExceeded: the organization has as many as it may.
        """
        organization_id = caller.require(organization, Scope.ADMIN)
        self._check(caller, terms, organization_id)
        return await self._add(caller, terms, organization_id=organization_id)

    async def change(self, caller: Caller, organization: str, key_id: str, changes: JsonObject) -> Key:
        """Replace some of a key's terms (fields of `KeyTerms`); the next request with the key sees it.

        Raises:
            FieldsInvalid: a term that cannot be used, such as a time of expiry that has passed.
        """
        organization_id = caller.require(organization, Scope.ADMIN)
        async with self._store.begin() as tx:
            # Read here, or it would undo what another change has just taken away.
            key = await tx.keys.get(organization_id, key_id)
            terms = KeyTerms.model_validate({**_terms_of(key), **changes})
            self._check(caller, terms, organization_id, sets_expiry="expires_at" in changes)
            changed = key.model_copy(update=terms.model_dump())
            await tx.keys.save(changed)
            await tx.audit.add(self._said(caller, "key.changed", key, before=_told(key), after=_told(changed)))
        return changed

    async def rotate(self, caller: Caller, organization: str, key_id: str, *, overlap_s: int = 0) -> IssuedKey:
        """Give a key a new secret; the old one works for `overlap_s` more seconds (0 to 7 days)."""
        organization_id = caller.require(organization, Scope.ADMIN)
        if not 0 <= overlap_s <= keys.MAX_OVERLAP_S:
            fault: JsonObject = {"pointer": "/overlapSeconds", "detail": f"from 0 to {keys.MAX_OVERLAP_S}"}
            raise FieldsInvalid([fault])
        secret = keys.new_secret()
        until = self._clock() + timedelta(seconds=overlap_s) if overlap_s else None
        async with self._store.begin() as tx:
            # As in `change`; and whoever may not hand out the key as it is by now does not get it.
            key = await tx.keys.get(organization_id, key_id)
            self._check(caller, KeyTerms.model_validate(_terms_of(key)), organization_id, sets_expiry=False)
            rotated = key.model_copy(update={"prefix": keys.display_prefix(secret)})
            await tx.keys.rotate(rotated, keys.digest(secret), until)
            await tx.audit.add(self._said(caller, "key.rotated", key, before=_told(key), after=_told(rotated)))
        return IssuedKey(key=rotated, secret=secret)

    async def revoke(self, caller: Caller, organization: str, key_id: str) -> None:
        """End a key for good; the next request with it is refused. Its runs stay."""
        organization_id = caller.require(organization, Scope.ADMIN)
        async with self._store.begin() as tx:
            key = await tx.keys.get(organization_id, key_id)
            await tx.keys.revoke(key.id, self._clock())
            await tx.audit.add(self._said(caller, "key.revoked", key, before=_told(key)))

    async def page_personal(self, caller: Caller, request: PageRequest, *, email: str | None = None) -> Page[Key]:
        """The personal keys of the user that the caller acts as; the operator names any user by `email`."""
        user_id = await self._whose(caller, email)
        async with self._store.read() as tx:
            return await tx.keys.page_personal(user_id, request)

    async def issue_personal(self, caller: Caller, terms: KeyTerms, *, email: str | None = None) -> IssuedKey:
        """Make another key of the user that the caller acts as; the operator names any user by `email`.

        Raises:
            UserNotFound: nobody has that e-mail address.
            CountExceeded: the user has as many as one may.
        """
        user_id = await self._whose(caller, email)
        self._check(caller, terms, None)
        return await self._add(caller, terms, user_id=user_id)

    async def revoke_personal(self, caller: Caller, key_id: str, *, email: str | None = None) -> None:
        """End a personal key of the user that the caller acts as; the operator names any user by `email`."""
        user_id = await self._whose(caller, email)
        async with self._store.begin() as tx:
            key = await tx.keys.find_personal(user_id, key_id)
            if key is None:
                raise KeyNotFound(key_id)
            await tx.keys.revoke(key.id, self._clock())
            await tx.audit.add(self._said(caller, "key.revoked", key, before=_told(key)))

    async def ensure_first(self, caller: Caller, organization: str) -> IssuedKey | None:
        """System's own: the first admin key of a new installation; None when there has been a key before."""
        async with self._store.read() as tx:
            if await tx.keys.any_exists():
                return None
        return await self.issue(caller, organization, KeyTerms(name="First admin key", scopes=(Scope.ADMIN,)))

    async def _load(self, presented: Presented) -> _Known | None:
        if not presented.is_well_formed:
            raise KeyMalformed
        async with self._store.read() as tx:
            found = await tx.keys.find_by_digest(presented.digest, self._clock())
            if found is None:
                return None
            key, valid_until = found
            if key.kind is KeyKind.PERSONAL and key.user_id is not None:
                held = await grants.of_user(tx, key.user_id, key.scopes)
            else:
                organization = await tx.organizations.get(key.organization_id or "")
                held = await grants.of_organization(tx, organization, key.scopes)
        return _Known(key, _caller(key, held), valid_until)

    async def _note_use(self, key: Key, now: datetime) -> None:
        self._used[key.id] = now
        if len(self._used) > _USES_REMEMBERED:
            self._used.popitem(last=False)
        async with self._store.begin() as tx:
            await tx.keys.touch_last_used(key.id, now)

    async def _whose(self, caller: Caller, email: str | None) -> UserId:
        if email is None:
            if caller.user_id is None:
                raise PersonalKeyNeeded
            return caller.user_id
        caller.require_operator()
        async with self._store.read() as tx:
            return (await tx.users.get_by_email(email)).id

    async def _add(
        self,
        caller: Caller,
        terms: KeyTerms,
        *,
        organization_id: OrganizationId | None = None,
        user_id: UserId | None = None,
    ) -> IssuedKey:
        secret = keys.new_secret()
        now = self._clock()
        key = Key(
            id=ids.key_id(now),
            kind=KeyKind.ORGANIZATION if user_id is None else KeyKind.PERSONAL,
            organization_id=organization_id,
            user_id=user_id,
            prefix=keys.display_prefix(secret),
            created_by=caller.user_id or caller.key_id or "operator",
            created_at=now,
            **terms.model_dump(),
        )
        said = self._said(caller, "key.created", key, after=_told(key))
        whose, allowed = ("This organization", MAX_KEYS) if user_id is None else ("This user", MAX_PERSONAL_KEYS)
        async with self._store.begin() as tx:
            if await tx.keys.count(organization_id, user_id) >= allowed:
                raise CountExceeded(whose, "keys", allowed)
            await tx.keys.add(key, keys.digest(secret))
            await tx.audit.add(said)
        return IssuedKey(key=key, secret=secret)

    def _said(
        self,
        caller: Caller,
        action: str,
        key: Key,
        *,
        before: JsonObject | None = None,
        after: JsonObject | None = None,
    ) -> AuditFact:
        where, now = key.organization_id, self._clock()
        return fact(caller, action, key.id, organization_id=where, at=now, before=before, after=after)

    def _check(
        self, caller: Caller, terms: KeyTerms, organization_id: OrganizationId | None, *, sets_expiry: bool = True
    ) -> None:
        faults: list[JsonObject] = []
        if sets_expiry and terms.expires_at is not None and terms.expires_at <= self._clock():
            faults.append({"pointer": "/expiresAt", "detail": "this time has passed already"})
        for index, network in enumerate(terms.allowed_ips or ()):
            if not keys.is_network(network):
                faults.append({"pointer": f"/allowedIps/{index}", "detail": "not an IP network such as 10.0.0.0/8"})
        if faults:
            raise FieldsInvalid(faults)
        _stay_within(caller, terms, organization_id)


def _stay_within(caller: Caller, terms: KeyTerms, organization_id: OrganizationId | None) -> None:
    if caller.is_operator:
        return
    # A personal key is limited by its user's roles when it is used, so here by what the caller's own key was given.
    held = next((g.scopes for g in caller.grants if g.organization_id == organization_id), caller.held)
    for scope in effective(terms.scopes):
        if scope not in held:
            raise ScopeMissing(scope, sorted(held))
    if not _is_subset(terms.toolsets, caller.toolsets) or not _is_subset(terms.tools, caller.tools):
        raise NarrowingExceeded
    if caller.rate_limit is not None and (terms.rate_limit or math.inf) > caller.rate_limit:
        raise NarrowingExceeded
    if caller.expires_at is not None and (terms.expires_at is None or terms.expires_at > caller.expires_at):
        raise NarrowingExceeded
    if not keys.are_within(terms.allowed_ips, caller.allowed_ips):
        raise NarrowingExceeded


def _is_subset(wanted: tuple[str, ...] | None, held: frozenset[str] | None) -> bool:
    return held is None or (wanted is not None and held.issuperset(wanted))


def _terms_of(key: Key) -> JsonObject:
    return key.model_dump(include=set(KeyTerms.model_fields))


def _told(key: Key) -> JsonObject:
    return {**key.model_dump(mode="json", include=set(KeyTerms.model_fields)), "prefix": key.prefix}


def _caller(key: Key, held: tuple[Grant, ...]) -> Caller:
    is_personal = key.kind is KeyKind.PERSONAL
    return Caller(
        kind=CallerKind.PERSONAL_KEY if is_personal else CallerKind.ORGANIZATION_KEY,
        grants=held,
        held=effective(key.scopes) if is_personal else frozenset(),
        key_id=key.id,
        key_name=key.name,
        key_prefix=key.prefix,
        user_id=key.user_id,
        toolsets=None if key.toolsets is None else frozenset(key.toolsets),
        tools=None if key.tools is None else frozenset(key.tools),
        rate_limit=key.rate_limit,
        allowed_ips=key.allowed_ips,
        expires_at=key.expires_at,
    )
