"""Sealing: how secrets lie at rest. The one door to the cryptography library.

A secret is encrypted with AES-256-GCM under a key of its own, and that key under the server's secret key (an envelope:
NIST SP 800-57 part 1, section 6.2.1). Both are bound to the place that the secret is for, so that a sealed text moved
to another ToolSet or another name does not open.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jinba_mcp.domain.errors import Invalid, SecretsUnreadable

KEY_BYTES = 32
_NONCE_BYTES = 12
_NAME_BYTES = 8
_WRAPPED_BYTES = KEY_BYTES + 16
_VERSION = b"\x01"
_MAX_FILE_BYTES = 64 * 1024


class Sealing(Protocol):
    """A service that seals secrets of its own."""

    async def reseal(self) -> int:
        """Bring every secret under the first key; how many there were to bring."""


def new_key() -> str:
    """A fresh secret key, as the file and the setting spell it: 32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


class Keyring:
    """The server's secret keys: the first one seals, all of them open.

    They come from a file (0600, one key a line, made with the first secret) or from the operator's setting.
    """

    def __init__(self, path: Path, given: Sequence[str] = ()) -> None:
        """With `given` keys the file is neither read nor made.

        Raises:
            Invalid: a given key is not 32 bytes in base64.
        """
        self._path = path
        self._is_given = bool(given)
        self._keys = [_decoded(key, "JINBA_SECRET_KEY") for key in given]

    @property
    def is_given(self) -> bool:
        """Whether the keys come from a setting, so that only the operator can change them."""
        return self._is_given

    def seal(self, secret: str, place: str) -> str:
        """`secret` sealed for `place`, as text.

        Raises:
            Invalid: the key file cannot be used.
        """
        inner = secrets.token_bytes(KEY_BYTES)
        nonce = os.urandom(_NONCE_BYTES)
        body = nonce + AESGCM(inner).encrypt(nonce, secret.encode(), place.encode())
        return base64.b64encode(self._wrapped(inner, place) + body).decode()

    def open(self, sealed: str, place: str) -> str:
        """The secret that `sealed` holds.

        Raises:
            SecretsUnreadable: sealed under a key that is not here, for another place, or damaged.
        """
        inner, body = self._unwrapped(sealed, place)
        try:
            return AESGCM(inner).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], place.encode()).decode()
        except InvalidTag as error:
            raise SecretsUnreadable(_kept_at(place)) from error

    def reseal(self, sealed: str, place: str) -> str:
        """The same secret under the first key; only its own key is encrypted anew.

        Raises:
            SecretsUnreadable: as in `open`.
        """
        inner, body = self._unwrapped(sealed, place)
        return base64.b64encode(self._wrapped(inner, place) + body).decode()

    def is_current(self, sealed: str, place: str) -> bool:
        """Whether `sealed` is sealed under the first key.

        Raises:
            SecretsUnreadable: it is damaged.
        """
        return _raw(sealed, place)[1 : 1 + _NAME_BYTES] == _name(self._current())

    def add(self) -> str:
        """Make a new first key in the file, and say its name; what was sealed before still opens.

        Nobody else may change the file meanwhile.

        Raises:
            Invalid: the keys come from the setting.
        """
        self._refuse_given()
        key = secrets.token_bytes(KEY_BYTES)
        self._write([key, *self._read()])
        return _name(key).hex()

    def forget_older(self, name: str) -> None:
        """Keep the key of that name and those added after it; what is sealed under others does not open any more.

        Nobody else may change the file meanwhile. If the key is gone itself, so are those before it.

        Raises:
            Invalid: the keys come from the setting.
        """
        self._refuse_given()
        keys = self._read()
        names = [_name(key).hex() for key in keys]
        if name in names:
            self._write(keys[: names.index(name) + 1])

    def _refuse_given(self) -> None:
        if self._is_given:
            raise Invalid("The secret key comes from JINBA_SECRET_KEY; put a new key in front of the old one there.")

    def _current(self) -> bytes:
        if not self._is_given:
            # Read each time, since a rotation by another process must not find secrets sealed under the old key later.
            self._keys = self._read()
        if not self._keys:
            self._write([secrets.token_bytes(KEY_BYTES)], is_first=True)
        return self._keys[0]

    def _wrapped(self, inner: bytes, place: str) -> bytes:
        key = self._current()
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + _name(key) + nonce + AESGCM(key).encrypt(nonce, inner, place.encode())

    def _unwrapped(self, sealed: str, place: str) -> tuple[bytes, bytes]:
        raw = _raw(sealed, place)
        start = 1 + _NAME_BYTES
        name, nonce, end = raw[1:start], raw[start : start + _NONCE_BYTES], start + _NONCE_BYTES + _WRAPPED_BYTES
        key = self._named(name)
        if key is None:
            raise SecretsUnreadable(_kept_at(place))
        try:
            return AESGCM(key).decrypt(nonce, raw[start + _NONCE_BYTES : end], place.encode()), raw[end:]
        except InvalidTag as error:
            raise SecretsUnreadable(_kept_at(place)) from error

    def _named(self, name: bytes) -> bytes | None:
        found = next((key for key in self._keys if _name(key) == name), None)
        if found is None and not self._is_given:
            # Another process may have added a key since the file was read.
            self._keys = self._read()
            found = next((key for key in self._keys if _name(key) == name), None)
        return found

    def _read(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                lines = file.read(_MAX_FILE_BYTES).decode("ascii").split()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"The secret key file {self._path.name} cannot be read: {error}.") from error
        return [_decoded(line, self._path.name) for line in lines]

    def _write(self, keys: Sequence[bytes], *, is_first: bool = False) -> None:
        text = "".join(base64.b64encode(key).decode() + "\n" for key in keys)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if is_first:
                _place_first(beside, self._path)
            else:
                beside.replace(self._path)
        finally:
            beside.unlink(missing_ok=True)
        self._keys = self._read()


def _place_first(beside: Path, path: Path) -> None:
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        return  # Two processes made the first key at once; the other one's is there, and counts.


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise Invalid(f"{where}: a secret key is 32 bytes in base64; make one with 'jinba-mcp env new-key'.")
    return key


def _raw(sealed: str, place: str) -> bytes:
    try:
        raw = base64.b64decode(sealed, validate=True)
    except ValueError as error:
        raise SecretsUnreadable(_kept_at(place)) from error
    if raw[:1] != _VERSION or len(raw) < 1 + _NAME_BYTES + 2 * _NONCE_BYTES + _WRAPPED_BYTES + 16:
        raise SecretsUnreadable(_kept_at(place))
    return raw


def _name(key: bytes) -> bytes:
    """Which key it was, without saying anything of it."""
    return hashlib.sha256(b"jinba secret key name" + key).digest()[:_NAME_BYTES]


def _kept_at(place: str) -> str:
    kinds = {"webhook": "The secret of this webhook", "totp": "This second factor"}
    return kinds.get(place.partition("/")[0], "A secret of this ToolSet")
