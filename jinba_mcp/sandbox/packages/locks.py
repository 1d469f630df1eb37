"""Locks: what one may hold, read strictly since a lock is followed years after it was written, and by an installer."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.domain.packages import Lock

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"[A-Za-z0-9.!+_-]+"
_PYTHON_PIN = re.compile(
    rf"(?P<what>(?P<name>{_NAME})(?:\[[A-Za-z0-9._, -]+\])?==(?P<version>{_VERSION})"
    r"(?: ; [A-Za-z0-9_.'<>=!~() *+-]+)?)(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BUILD = re.compile(
    rf"# (?P<name>{_NAME})==(?P<version>{_VERSION}) --hash=sha256:(?P<sha256>[0-9a-f]{{64}}) "
    r"is built from source with\n(?P<tools>(?:#   .*\n)*)"
)
_IN_BUILD = "#   "
_NPM_NAME = r"(?:@[A-Za-z0-9~][\w.~-]*/)?[A-Za-z0-9~][\w.~-]*"
_NPM_KEY = re.compile(rf"{_NPM_NAME}@[\w.+@~-]+", re.ASCII)
_NPM_ASKED = re.compile(rf"npm:({_NPM_NAME})@([^:/@]+)")
_INTEGRITY = re.compile(r"sha512-[A-Za-z0-9+/]{86}==")
_SECTIONS = {"version", "specifiers", "npm", "workspace"}
_MAX_NPM_PACKAGES = 2_000


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a Python lock: a version of a package, and the files that it may be."""

    what: str
    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The line as it stands in the lock."""
        return self.what + "".join(f" \\\n    --hash=sha256:{sha256}" for sha256 in self.hashes) + "\n"

    def with_hash(self, sha256: str) -> str:
        """The line, for another file."""
        return f"{self.what} \\\n    --hash=sha256:{sha256}\n"


@dataclass(frozen=True, slots=True)
class Source:
    """One version of one package, as its author wrote it."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Build:
    """What a Python lock says about a package without wheels: its source, and the lock of what that is built with."""

    source: Source
    tools: str


def count(lock: Lock) -> int:
    """How many packages the lock names.

    Raises:
        EnvironmentFailed: it is no lock that this server would have written.
    """
    if lock.kind == "typescript":
        return len(_document(lock.text)["npm"])
    builds(lock.text)
    return len(pins(lock.text))


def asked(lock: Lock) -> dict[str, str]:
    """The `dependencies` that a TypeScript lock was made for, as it remembers them.

    Raises:
        EnvironmentFailed: it is no lock that this server would have written.
    """
    entries = _document(lock.text)["workspace"]["packageJson"]["dependencies"]
    found = [_NPM_ASKED.fullmatch(entry) for entry in entries]
    return {match[1]: match[2] for match in found if match}


def pins(text: str) -> list[Pin]:
    """The lines of a Python lock.

    Raises:
        EnvironmentFailed: it is no lock that this server would have written.
    """
    wheels, _ = _parts(text)
    return _pins(wheels)


def builds(text: str) -> list[Build]:
    """What of a Python lock is built from source.

    Raises:
        EnvironmentFailed: it is no lock that this server would have written.
    """
    wheels, rest = _parts(text)
    found = list(_BUILD.finditer(rest))
    if "".join(match[0] for match in found) != rest:
        raise _unusable()
    hashes = {(pin.name, pin.version): pin.hashes for pin in _pins(wheels)}
    made = []
    for match in found:
        source = Source(match["name"], match["version"], match["sha256"])
        tools = "".join(line.removeprefix(_IN_BUILD) for line in match["tools"].splitlines(keepends=True))
        if source.sha256 not in hashes.get((source.name, source.version), ()) or (tools and not _pins(tools)):
            raise _unusable()
        made.append(Build(source, tools))
    return made


def with_builds(text: str, made: Iterable[Build]) -> str:
    """A Python lock that says what is built, in comments: for other programs it stays a requirements file."""
    for build in made:
        source = build.source
        text += f"# {source.name}=={source.version} --hash=sha256:{source.sha256} is built from source with\n"
        text += "".join(f"{_IN_BUILD}{line}" for line in build.tools.splitlines(keepends=True))
    return text


def manifest(dependencies: dict[str, str]) -> str:
    """A package.json that asks for `dependencies` and nothing else."""
    document = {"name": "toolset", "version": "0.0.0", "private": True, "dependencies": dependencies}
    return json.dumps(document, indent=2)


def without_hosts(text: str) -> str:
    """A `deno.lock` without the addresses of tarballs, which are looked up in whichever registry is in use."""
    document = json.loads(text)
    for package in document.get("npm", {}).values():
        package.pop("tarball", None)
    return json.dumps(document, indent=2)


def _parts(text: str) -> tuple[str, str]:
    start = text.find("# ")
    return (text, "") if start < 0 else (text[:start], text[start:])


def _pins(text: str) -> list[Pin]:
    found = list(_PYTHON_PIN.finditer(text))
    if not found or "".join(match[0] for match in found) != text:
        raise _unusable()
    return [
        Pin(match["what"], match["name"], match["version"], tuple(_SHA256.findall(match["hashes"]))) for match in found
    ]


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
        is_usable = document.keys() <= _SECTIONS and _is_npm(document["npm"]) and _is_workspace(document["workspace"])
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise _unusable() from None
    if not is_usable:
        raise _unusable()
    return dict(document)


def _is_npm(packages: dict[str, Any]) -> bool:
    return 0 < len(packages) <= _MAX_NPM_PACKAGES and all(
        _NPM_KEY.fullmatch(key) and "tarball" not in package and _INTEGRITY.fullmatch(package["integrity"])
        for key, package in packages.items()
    )


def _is_workspace(workspace: dict[str, Any]) -> bool:
    entries = workspace["packageJson"]["dependencies"]
    return bool(entries) and all(_NPM_ASKED.fullmatch(entry) for entry in entries)


def _unusable() -> EnvironmentFailed:
    return EnvironmentFailed(
        "The lock of this version's packages is damaged or was written by another program. Publish the version again."
    )
