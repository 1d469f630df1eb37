"""Second factors: setting one up, and taking its codes, each of them once."""

from dataclasses import dataclass

from jinba_mcp.clock import Clock
from jinba_mcp.core.audit import fact
from jinba_mcp.core.passwords import Passwords, new_totp_key, totp_counter, totp_uri
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import FieldsInvalid, TotpState
from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.totp import Proof, Totp, new_recovery_codes, recovery_digest
from jinba_mcp.storage.store import Store

_BATCH = 100
_CODE_LENGTH = 6


@dataclass(frozen=True)
class NewTotp:
    """What an authenticator is told, this one time."""

    secret: str
    """In base32, to be typed."""
    uri: str
    """The same as `otpauth://…`, to be scanned."""


class SecondFactors:
    """A code is asked for at sign-in from the moment that the first one was confirmed."""

    def __init__(self, store: Store, clock: Clock, passwords: Passwords, keyring: Keyring) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._keyring = keyring

    async def begin(self, caller: Caller, password: str) -> NewTotp:
        """Make a secret for an authenticator; it counts once `confirm` has seen a code of it.

        Raises:
            PasswordWrong: it is another one.
            TotpState: there is a confirmed one; remove it first.
        """
        caller.require_session()
        user = await self._passwords.confirm(caller, password)
        key = new_totp_key()
        async with self._store.begin() as tx:
            present = await tx.totp.find(user.id)
            if present is not None and present.confirmed_at is not None:
                raise TotpState("You have a second factor already. Remove it before you set up another.")
            # In the transaction, so that no rotation of the key comes in between.
            sealed = self._keyring.seal(key, _place(user.id))
            await tx.totp.save(Totp(user_id=user.id, sealed=sealed, last_counter=0, confirmed_at=None))
        return NewTotp(secret=key, uri=totp_uri(key, user.email))

    async def confirm(self, caller: Caller, code: str) -> tuple[str, ...]:
        """Turn the second factor on with a first code; answers the recovery codes, this one time.

        Raises:
            TotpState: nothing is waiting to be confirmed.
            FieldsInvalid: it is not the code of this moment.
        """
        user_id, now = caller.require_session(), self._clock()
        codes = new_recovery_codes()
        said = fact(caller, "totp.enabled", user_id, organization_id=None, at=now)
        async with self._store.begin() as tx:
            totp = await tx.totp.find(user_id)
            if totp is None or totp.confirmed_at is not None:
                raise TotpState("Nothing is waiting to be confirmed. Begin with POST /v1/auth/totp.")
            counter = self.proof(totp, code).counter
            if counter is None:
                raise _wrong_code()
            await tx.totp.save(totp.model_copy(update={"last_counter": counter, "confirmed_at": now}))
            await tx.totp.set_recovery_codes(user_id, [recovery_digest(each) for each in codes])
            await tx.audit.add(said)
        return codes

    async def remove(self, caller: Caller, password: str, code: str) -> None:
        """Turn the second factor off, with the password and a code (or a recovery code).

        Raises:
            PasswordWrong: it is another one.
            TotpState: there is none.
            FieldsInvalid: the code is wrong or used.
        """
        caller.require_session()
        user = await self._passwords.confirm(caller, password)
        said = fact(caller, "totp.disabled", user.id, organization_id=None, at=self._clock())
        async with self._store.begin() as tx:
            totp = await tx.totp.find(user.id)
            if totp is None or totp.confirmed_at is None:
                raise TotpState("You have no second factor.")
            proof = self.proof(totp, code)
            if not await tx.totp.take(user.id, proof):
                raise _wrong_code()
            await tx.totp.remove(user.id)
            await tx.audit.add(said)

    async def is_on(self, caller: Caller) -> bool:
        """Whether the signed-in user has one."""
        user_id = caller.require_session()
        async with self._store.read() as tx:
            totp = await tx.totp.find(user_id)
        return totp is not None and totp.confirmed_at is not None

    def proof(self, totp: Totp, code: str) -> Proof:
        """What `code` is worth now; whether it was used before is for the transaction to say that takes it."""
        plain = code.replace(" ", "")
        if len(plain) == _CODE_LENGTH and plain.isascii() and plain.isdigit():
            key = self._keyring.open(totp.sealed, _place(totp.user_id))
            return Proof(counter=totp_counter(key, plain, self._clock(), totp.last_counter))
        return Proof(recovery=recovery_digest(code))

    async def reseal(self) -> int:
        """System's own: bring every secret under the newest secret key; how many there were to bring."""
        count, after = 0, ""
        while True:
            async with self._store.begin() as tx:
                batch = await tx.totp.following(after, _BATCH)
                for totp in batch:
                    if not self._keyring.is_current(totp.sealed, _place(totp.user_id)):
                        sealed = self._keyring.reseal(totp.sealed, _place(totp.user_id))
                        await tx.totp.save(totp.model_copy(update={"sealed": sealed}))
                        count += 1
            if not batch:
                return count
            after = batch[-1].user_id


def _place(user_id: UserId) -> str:
    return f"totp/{user_id}"


def _wrong_code() -> FieldsInvalid:
    fault: JsonObject = {"pointer": "/code", "detail": "not the code of this moment, or used already"}
    return FieldsInvalid([fault])
