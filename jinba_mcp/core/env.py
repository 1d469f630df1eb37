"""Env: the variables of ToolSets. Secrets go in and reach runs; nobody gets them back."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from jinba_mcp.clock import Clock
from jinba_mcp.core import audit
from jinba_mcp.core.cache import GenerationCache
from jinba_mcp.core.sealing import Keyring, Sealing
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.env import MAX_VARIABLES, NO_ENV, Env, Setting, Variable
from jinba_mcp.domain.errors import CountExceeded, EnvNotFound, ToolSetNotFound
from jinba_mcp.domain.ids import ToolSetId
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.scopes import Scope
from jinba_mcp.domain.toolsets import ToolSet
from jinba_mcp.storage.store import Store

_BATCH = 200


class Rotation(Record):
    """How many secrets were sealed under the new key."""

    resealed_count: Annotated[int, Field(ge=0)]


class Variables:
    """Outside the versions: a change acts on the next run of any version."""

    def __init__(self, store: Store, clock: Clock, keyring: Keyring, others: Sequence[Sealing] = ()) -> None:
        """`others` seal with the same keyring, and follow when it gets a new key."""
        self._store = store
        self._clock = clock
        self._keyring = keyring
        self._others = others
        self._envs: GenerationCache[ToolSetId, Env] = GenerationCache(store, max_entries=2_000)

    async def page(self, caller: Caller, organization: str, slug: str) -> tuple[ToolSet, list[Variable]]:
        """What is set, by key, with the ToolSet that says what is expected. Secrets come without their value."""
        organization_id = caller.require(organization, Scope.READ)
        if not caller.may_use(slug):
            raise ToolSetNotFound(slug)
        async with self._store.read() as tx:
            toolset = await tx.toolsets.get(organization_id, slug)
            return toolset, await tx.env.of_toolset(toolset.id)

    async def put(self, caller: Caller, organization: str, slug: str, setting: Setting) -> Variable:
        """Set a variable, new or not.

        Raises:
            Forbidden: the key is narrowed to some tools, and variables are of all.
            ToolSetNotFound: no such ToolSet for this caller.
            CountExceeded: the ToolSet has as many variables as it may.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_all_of(slug)
        async with self._store.begin() as tx:
            toolset = await tx.toolsets.get(organization_id, slug)
            present = {variable.key: variable for variable in await tx.env.of_toolset(toolset.id)}
            if setting.key not in present and len(present) >= MAX_VARIABLES:
                raise CountExceeded(f"'{slug}'", "variables", MAX_VARIABLES)
            sealed = self._keyring.seal(setting.value, _place(toolset.id, setting.key)) if setting.is_secret else None
            variable = Variable(
                toolset_id=toolset.id,
                key=setting.key,
                value=None if setting.is_secret else setting.value,
                sealed=sealed,
                updated_at=self._clock(),
            )
            await tx.env.save(variable)
            said = audit.digested(setting.value) if setting.is_secret else setting.value
            before = present.get(setting.key)
            await tx.audit.add(
                audit.fact(
                    caller, "env.set", f"{slug}/{setting.key}", organization_id=organization_id,
                    at=variable.updated_at, before=None if before is None else _shown(before),
                    after={"secret": setting.is_secret, "value": said},
                )
            )  # fmt: skip
        return variable

    async def remove(self, caller: Caller, organization: str, slug: str, key: str) -> None:
        """Unset a variable; what `toolset.yml` gives as its plain value shows again.

        Raises:
            Forbidden: the key is narrowed to some tools, and variables are of all.
            EnvNotFound: it is not set.
        """
        organization_id = caller.require(organization, Scope.WRITE)
        caller.require_all_of(slug)
        async with self._store.begin() as tx:
            toolset = await tx.toolsets.get(organization_id, slug)
            present = {variable.key: variable for variable in await tx.env.of_toolset(toolset.id)}
            if key not in present:
                raise EnvNotFound(key)
            await tx.env.remove(toolset.id, key)
            before = _shown(present[key])
            await tx.audit.add(
                audit.fact(
                    caller, "env.unset", f"{slug}/{key}", organization_id=organization_id,
                    at=self._clock(), before=before,
                )
            )  # fmt: skip

    async def of(self, toolset: ToolSet) -> Env:
        """System's own: what a run of this ToolSet is handed; nothing, if it has been deleted since it was found.

        Raises:
            SecretsUnreadable: a secret does not open with the server's key.
        """

        async def load() -> Env:
            # Read anew: `toolset` may be older than the change that emptied the cache, and this stays until the next.
            async with self._store.read() as tx:
                current = await tx.toolsets.find(toolset.organization_id, toolset.slug)
                if current is None or current.id != toolset.id:
                    return NO_ENV
                return self._env(current, await tx.env.of_toolset(toolset.id))

        env = await self._envs.get(toolset.id, load)
        return Env() if env is None else env

    async def rotate(self, caller: Caller) -> Rotation:
        """Seal every secret under a new key, then forget the old ones. Safe to repeat after a crash, or meanwhile.

        With keys from the setting the first of them is the new one, and the operator takes the old ones out.

        Raises:
            OperatorNeeded: the caller is a key.
            SecretsUnreadable: a secret does not open; nothing is forgotten.
        """
        caller.require_operator()
        added = None if self._keyring.is_given else await self._add_key()
        count, after = 0, ("", "")
        while batch := await self._reseal(after):
            count += sum(1 for _, is_new in batch if is_new)
            after = batch[-1][0]
        for other in self._others:
            count += await other.reseal()
        async with self._store.begin() as tx:
            told: JsonObject = {"resealedCount": count}
            said = audit.fact(caller, "secrets.rotated", "all", organization_id=None, at=self._clock(), after=told)
            await tx.audit.add(said)
            if added is not None:
                self._keyring.forget_older(added)
        return Rotation(resealed_count=count)

    async def _add_key(self) -> str:
        # In a transaction, of which there is one at a time, as is all sealing: what was sealed under an older key is
        # stored by now, and no other rotation is between its reading and its writing of the file.
        async with self._store.begin():
            return self._keyring.add()

    async def _reseal(self, after: tuple[str, str]) -> list[tuple[tuple[str, str], bool]]:
        done: list[tuple[tuple[str, str], bool]] = []
        async with self._store.begin() as tx:
            for variable in await tx.env.sealed_after(after, _BATCH):
                place, sealed = _place(variable.toolset_id, variable.key), variable.sealed or ""
                is_new = not self._keyring.is_current(sealed, place)
                if is_new:
                    resealed = self._keyring.reseal(sealed, place)
                    await tx.env.save(variable.model_copy(update={"sealed": resealed}))
                done.append(((variable.toolset_id, variable.key), is_new))
        return done

    def _env(self, toolset: ToolSet, stored: list[Variable]) -> Env:
        values = {each.key: each.value for each in toolset.listing.env if each.value is not None}
        secret = set()
        for variable in stored:
            if variable.sealed is None:
                values[variable.key] = variable.value or ""
            else:
                values[variable.key] = self._keyring.open(variable.sealed, _place(toolset.id, variable.key))
                secret.add(variable.key)
        return Env(values, secret)


def _shown(variable: Variable) -> JsonObject:
    """A variable for the audit log: its value, unless that is sealed."""
    return {"secret": True} if variable.is_secret else {"secret": False, "value": variable.value}


def _place(toolset_id: ToolSetId, key: str) -> str:
    return f"{toolset_id}/{key}"
