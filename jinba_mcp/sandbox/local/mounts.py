"""What a sandbox sees of the machine's files, read-only: libraries, interpreter, runtime, packages."""

import sys
from dataclasses import dataclass
from pathlib import Path

from jinba_mcp.sandbox.local.runtime import Runtime

RUNTIME = "/opt/jinba"
PACKAGES = "/opt/packages"

_SYSTEM = (
    # Not /usr whole: images keep applications, and what is secret to them, in /usr/src/app.
    *(f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libexec", "share", "local")),
    *("/lib", "/lib32", "/lib64", "/bin", "/sbin"),
)
_CONFIGURED = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    # Not all of /etc/ssl and /etc/pki: the machine's private keys lie there too.
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates",
    "/etc/alternatives",
)


@dataclass(frozen=True)
class Python:
    """The interpreter that guests run on, and the folder that it is installed in."""

    executable: str
    prefix: Path

    @staticmethod
    def own() -> "Python":
        """The server's own, under any virtual environment."""
        return Python(str(getattr(sys, "_base_executable", sys.executable)), Path(sys.base_prefix))

    @staticmethod
    def at(executable: str) -> "Python":
        """Another one, which must be of the server's version: compiled packages are for that."""
        return Python(executable, Path(executable).resolve().parent.parent)


def shown(python: Python, runtime: Runtime, environment: Path | None) -> dict[str, str]:
    """Each path inside, and the one outside that is seen there."""
    tree = {path: path for path in (*_SYSTEM, *_CONFIGURED) if Path(path).exists()}
    if not _is_of_the_system(python.prefix):
        tree[str(python.prefix)] = str(python.prefix.resolve())
    tree[f"{RUNTIME}/base"] = str(runtime.base)
    tree[PACKAGES] = str(environment or runtime.packages)
    return tree


def readable(python: Python, runtime: Runtime, environment: Path | None) -> list[str]:
    """The same where nothing can be mounted: real paths that may be read."""
    devices = ["/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]
    system = [path for path in (*_SYSTEM, *_CONFIGURED) if Path(path).exists()]
    interpreter = [] if _is_of_the_system(python.prefix) else [python.prefix.resolve()]
    own = [*interpreter, runtime.base, environment or runtime.packages]
    return [*system, *devices, *map(str, own)]


def _is_of_the_system(prefix: Path) -> bool:
    """Whether an interpreter installed there is seen with the system's own files."""
    return prefix == Path("/usr") or any(prefix.is_relative_to(path) for path in _SYSTEM)
