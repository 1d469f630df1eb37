"""What an installer's last words mean: a fault of the list (and of which package), or of the moment."""

import re

from packaging.utils import canonicalize_name

from jinba_mcp.domain.errors import EnvironmentFailed, JinbaError, PackagesUnresolvable
from jinba_mcp.domain.packages import Package

_MAX_CHARS = 500
_MAX_WORD_CHARS = 200
"""More than any name or version has. Strangers choose them, and those patterns take the square of a word's length."""

_LONG_WORD = re.compile(rf"(\S{{{_MAX_WORD_CHARS}}})\S+")
_UV_UNKNOWN = re.compile(r"(?P<name>[\w.-]+) was not found in the (?:package registry|provided package locations)")
_UV_NO_WHEEL = re.compile(r"(?P<name>[\w.-]+?)(?:[=<>!~][^ ]*)? ha(?:s|ve) no (?:usable )?wheels")
_UV_WHEEL_WANTED = re.compile(r"Wheels are required for `(?P<name>[\w.-]+)`")
_UV_NO_VERSION = re.compile(
    r"(?:there (?:is no version|are no versions) of |only (?:the following versions of )?)"
    r"(?P<name>[\w.-]+?)(?:[=<>!~{][^ ]*)?(?=[ ,]|$)"
)
_UV_FACTS = re.compile(r"cause: (.*?)(?:\n\n|\Z)", re.DOTALL)
_NOTHING_FITS = ", nothing fits."
_UV_CONCLUSION = re.compile(r",? we can conclude that your requirements are unsatisfiable\.?")

_NPM_UNKNOWN = re.compile(r"npm package '(?P<name>[^']+)' does not exist")
_NPM_NO_VERSION = re.compile(
    r"Could not find (?:npm package '(?P<name>[^']+)' matching|dist-tag '[^']*' for npm package)"
)

_NETWORK = re.compile(
    r"Failed to fetch|Failed loading|error sending request|Request failed|dns error|timed out|tcp connect|"
    r"Network connectivity is disabled|certificate",
)
_HASH = re.compile(r"[Hh]ash mismatch for `?(?P<pin>[^`\n]+)|[Ii]ntegrity|checksum")
_ADDRESS = re.compile(r"[a-z+]+://[^\s'\"`)]+|(?<![\w.])/[^\s'\"`):]+")


def python_fault(errors: str, packages: tuple[Package, ...], version: str) -> JinbaError:
    """Why uv did not resolve `packages` for Python `version`."""
    errors = _with_short_words(errors)
    facts = _uv_facts(errors)
    if facts is None:
        return moment_fault(errors)
    if match := _UV_UNKNOWN.search(facts):
        why = "does not exist in the package index; check its spelling"
    elif match := _UV_NO_WHEEL.search(facts):
        why = (
            f"has no wheel for Python {version} on this machine in the version asked for, and building from source is "
            "not allowed; choose another version"
        )
    elif (match := _UV_NO_VERSION.search(facts)) and not facts.count("depends on"):
        why = f"has no version that fits: {facts.removeprefix('Because ').removesuffix(_NOTHING_FITS)}"
    else:
        names = _asked_in(facts, packages)
        return _unresolvable(names[0] if names else "", f"The packages cannot be had together: {facts}")
    return _named(match["name"], why, packages)


def without_wheels(errors: str) -> set[str]:
    """The packages that uv could not use because they have no wheels for this machine."""
    if "No solution found" not in errors:
        return set()
    line = " ".join(_with_short_words(errors).split())
    return {match["name"] for pattern in (_UV_NO_WHEEL, _UV_WHEEL_WANTED) for match in pattern.finditer(line)}


def npm_fault(errors: str, packages: tuple[Package, ...]) -> JinbaError:
    """Why deno did not resolve `packages`."""
    errors = _with_short_words(errors)
    if match := _NPM_UNKNOWN.search(errors):
        return _named(match["name"], "does not exist in the npm registry; check its spelling", packages)
    if match := _NPM_NO_VERSION.search(errors):
        names = _asked_in(errors, packages)
        name = match["name"] or (names[0] if names else "")
        return _named(name, "has no version that fits; choose another version", packages)
    return moment_fault(errors)


def moment_fault(errors: str) -> EnvironmentFailed:
    """Why packages cannot be fetched or installed now, whatever the list."""
    errors = _with_short_words(errors)
    if match := _HASH.search(errors):
        name = f" '{match['pin'].strip()}'" if match["pin"] else ""
        return EnvironmentFailed(
            f"The registry now offers other files for the package{name} than this version was locked to, so they are "
            "not installed. Publish a new version to accept them."
        )
    if _NETWORK.search(errors):
        return EnvironmentFailed(
            "The package registry cannot be reached from this server, so packages cannot be installed now. Try again "
            "later; if it lasts, have the operator check the network, the proxy and the registry settings."
        )
    said = _ADDRESS.sub("…", " ".join(errors.split()))[-_MAX_CHARS:]
    return EnvironmentFailed(f"The packages cannot be installed now. The installer said: {said or 'nothing'}")


def disk_fault(error: OSError) -> EnvironmentFailed:
    """Why nothing can be kept on this machine now."""
    return EnvironmentFailed(
        f"The package cache of this server cannot be used: {error.strerror or 'unknown error'}. Have the operator look "
        "at its disk and at whose the folder is."
    )


def _with_short_words(errors: str) -> str:
    return _LONG_WORD.sub(r"\1", errors)


def _uv_facts(errors: str) -> str | None:
    """uv's derivation in one line, from the author's point of view; None if it failed for another reason."""
    if "No solution found" not in errors or (found := _UV_FACTS.search(errors)) is None:
        return None
    line = _UV_CONCLUSION.sub(_NOTHING_FITS, _ADDRESS.sub("…", " ".join(found[1].split())))
    line = line.replace("you require", "this ToolSet requires")
    return line if len(line) <= _MAX_CHARS else line[:_MAX_CHARS] + "…"


def _named(name: str, why: str, packages: tuple[Package, ...]) -> PackagesUnresolvable:
    is_asked = canonicalize_name(name) in {_canonical(package) for package in packages}
    subject = f"Package '{name}'" if is_asked else f"Package '{name}', which another one needs,"
    return _unresolvable(name, f"{subject} {why.rstrip('.')}.")


def _asked_in(text: str, packages: tuple[Package, ...]) -> list[str]:
    return [
        package.name
        for package in packages
        if re.search(rf"(?<![\w@/-]){re.escape(_canonical(package))}(?![\w-])", text)
    ]


def _canonical(package: Package) -> str:
    return canonicalize_name(package.name.partition("[")[0])


def _unresolvable(name: str, message: str) -> PackagesUnresolvable:
    return PackagesUnresolvable(message, package=name) if name else PackagesUnresolvable(message)
