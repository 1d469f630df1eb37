"""A program of its own: fetches one file and keeps it if it is the one that was meant.

    python -I -S fetching.py ADDRESS SHA256 MAX_BYTES FILE

Proxies and certificates are those of the environment. Where the index asks for a user, its address in the environment
has the name and password. Imports the standard library only.
"""

import base64
import hashlib
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path

MISMATCH = 3
"""Exit code: another file is at the address."""

_TIMEOUT_S = 60
_CHUNK_BYTES = 1024 * 1024
_INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")


def fetch(address: str, sha256: str, max_bytes: int, file: Path) -> bool:
    """False if what is at `address` is not the file of this hash.

    Raises:
        OSError: it cannot be fetched, or written.
    """
    request = urllib.request.Request(address)  # noqa: S310  from the operator's index, and checked by hash
    if credentials := credentials_for(address, os.environ):
        request.add_unredirected_header("Authorization", credentials)
    digest = hashlib.sha256()
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer, file.open("wb") as target:  # noqa: S310  as above
        size_bytes = 0
        while chunk := answer.read(_CHUNK_BYTES):
            size_bytes += len(chunk)
            if size_bytes > max_bytes:
                raise OSError(f"the file is larger than {max_bytes // 1024**2} MB")
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest() == sha256


def credentials_for(address: str, environ: Mapping[str, str]) -> str | None:
    """The Authorization header for an address on the host of an index that is given with name and password."""
    wanted = urllib.parse.urlsplit(address)
    for index in " ".join(environ.get(name, "") for name in _INDEXES).split():
        known = urllib.parse.urlsplit(index.partition("=")[2] if "://" in index.partition("=")[2] else index)
        is_same = (known.scheme, known.hostname, known.port) == (wanted.scheme, wanted.hostname, wanted.port)
        if is_same and known.username is not None:
            pair = f"{urllib.parse.unquote(known.username)}:{urllib.parse.unquote(known.password or '')}"
            return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return None


def main(address: str, sha256: str, max_bytes: str, file: str) -> int:
    """Fetch, say why if that fails, and give the exit code."""
    try:
        return 0 if fetch(address, sha256, int(max_bytes), Path(file)) else MISMATCH
    except (OSError, ValueError) as error:
        sys.stderr.write(f"Failed to fetch: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
