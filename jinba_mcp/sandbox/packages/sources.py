"""Source distributions: found in the operator's index and fetched by hash, never opened here."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.sandbox.packages import explaining, fetching
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter
from jinba_mcp.sandbox.packages.locks import Pin, Source

FIND_TIMEOUT_S = 60.0
FETCH_TIMEOUT_S = 300.0
MAX_BYTES = 256 * 1024**2
_KINDS = (".tar.gz", ".zip")


@dataclass(frozen=True, slots=True)
class Found:
    """A source, and where the index has it."""

    source: Source
    address: str
    kind: str


async def fetched(found: Found, folder: Path, installers: Installers) -> Path:
    """The archive, in `folder`.

    Raises:
        EnvironmentFailed: another file is there, or the index cannot be reached.
    """
    source = found.source
    file = folder / f"{canonicalize_name(source.name)}{found.kind}"
    arguments = [found.address, source.sha256, str(MAX_BYTES), str(file)]
    said = await installers.program(Path(fetching.__file__), arguments, folder, FETCH_TIMEOUT_S)
    if said.code == fetching.MISMATCH:
        raise _gone(source)
    if said.code:
        raise explaining.moment_fault(said.errors)
    file.chmod(0o644)
    return file


def overrides(names: dict[str, tuple[str, ...]]) -> str:
    """Settings that tell uv what these packages need, so that it builds none of them to find out."""
    return "".join(
        f"\n[[dependency-metadata]]\nname = {_quoted(name)}\nrequires-dist = [{', '.join(map(_quoted, needs))}]\n"
        for name, needs in names.items()
    )


def options(names: dict[str, tuple[str, ...]], folder: Path, installers: Installers) -> list[str]:
    """What lets uv resolve `names` from their sources, as needing what is given for each, and everything else from
    wheels; written into `folder`.
    """
    operators = installers.environ.get("UV_CONFIG_FILE")
    settings = folder / "uv.toml"
    settings.write_text((Path(operators).read_text() if operators else "") + overrides(names))
    return ["--config-file", str(settings), *(word for name in names for word in ("--no-binary", name))]


async def found(pin: Pin, folder: Path, installers: Installers, python: Interpreter) -> Found:
    """Where the source of a pinned version is; it is one of the files that the pin allows.

    Raises:
        EnvironmentFailed: the index does not offer it (any more), or cannot be reached.
    """
    asked = folder / "source.in"
    asked.write_text(f"{pin.name}=={pin.version}\n")
    command = [
        *("pip", "compile", asked.name, "--python", str(python.path), "--only-binary", ":all:", "--no-deps"),
        *("--format", "pylock.toml", "--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"),
        *options({pin.name: ()}, folder, installers),
    ]
    said = await installers.uv(command, folder, FIND_TIMEOUT_S)
    if said.code and "No solution found" not in said.errors:
        raise explaining.moment_fault(said.errors)
    listed = _listed(said.output) or {}
    sha256 = str((listed.get("hashes") or {}).get("sha256"))
    # An index that is a folder gives a path.
    address = str(listed["url"]) if "url" in listed else (folder / str(listed.get("path", ""))).resolve().as_uri()
    kind = next((kind for kind in _KINDS if unquote(urlsplit(address).path).endswith(kind)), None)
    if sha256 not in pin.hashes or kind is None:
        raise _gone(pin)
    return Found(Source(pin.name, pin.version, sha256), address, kind)


def _listed(text: str) -> dict[str, Any] | None:
    try:
        packages = tomllib.loads(text).get("packages", [])
        return packages[0].get("sdist") if len(packages) == 1 else None
    except tomllib.TOMLDecodeError:
        return None


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _gone(what: Pin | Source) -> EnvironmentFailed:
    return EnvironmentFailed(
        f"The package index does not offer the source of {what.name} {what.version} (.tar.gz or .zip) that is to be "
        "built, so it is not. Choose another version of it."
    )
