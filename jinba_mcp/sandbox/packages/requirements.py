"""What strangers may ask for: names and version numbers or ranges, and nothing else that an installer understands."""

import re
from collections.abc import Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from jinba_mcp.domain.errors import PackagesUnresolvable
from jinba_mcp.domain.packages import Package
from jinba_mcp.domain.tools import Language

MAX_PACKAGES = 100

BASE: dict[Language, tuple[str, str]] = {"python": ("pydantic", ">=2.12,<3"), "typescript": ("zod", "^4.2")}
"""What tools describe themselves with, in every environment."""

_PYTHON_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9._-]+(?:, ?[A-Za-z0-9._-]+)*\])?")
_NPM_NAME = re.compile(r"(?:@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*")
_NUMBER = r"v?(?:\d+|[xX*])(?:\.(?:\d+|[xX*])){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_COMPARATORS = rf"(?:\^|~|[<>]=?|=)? ?{_NUMBER}(?: (?:\^|~|[<>]=?|=)? ?{_NUMBER})*"
_NPM_RANGE = re.compile(rf"(?:{_COMPARATORS}|{_NUMBER} - {_NUMBER})(?: \|\| (?:{_COMPARATORS}|{_NUMBER} - {_NUMBER}))*")


def python(packages: tuple[Package, ...]) -> tuple[str, ...]:
    """One requirement line (PEP 508, without markers and addresses) for each package, and the base.

    Raises:
        PackagesUnresolvable: a name or version that is none, or a package that is listed twice.
    """
    names = [canonicalize_name(_python_name(package).partition("[")[0]) for package in packages]
    _check_list(packages, names)
    asked = (f"{_python_name(package)}{_specifier(package)}" for package in packages)
    return (*asked, "".join(BASE["python"]))


def npm(packages: tuple[Package, ...]) -> dict[str, str]:
    """The `dependencies` of a package.json: names and ranges, with the base unless it is listed.

    Raises:
        PackagesUnresolvable: a name or version that is none, or a package that is listed twice.
    """
    _check_list(packages, [package.name for package in packages])
    return dict([BASE["typescript"]]) | {_npm_name(package): _range(package) for package in packages}


def _check_list(packages: tuple[Package, ...], names: Sequence[str]) -> None:
    if len(packages) > MAX_PACKAGES:
        raise PackagesUnresolvable(f"A ToolSet can list {MAX_PACKAGES} packages; this one lists {len(packages)}.")
    for package, name in zip(packages, names, strict=True):
        if names.count(name) > 1:
            raise _refused(package, "is listed more than once; keep one line")


def _python_name(package: Package) -> str:
    if _PYTHON_NAME.fullmatch(package.name) is None:
        raise _refused(package, "is no name of a Python package; write it as in 'pip install NAME', with no address")
    return package.name


def _specifier(package: Package) -> str:
    if package.version is None:
        return ""
    try:
        return f"=={Version(package.version)}"
    except InvalidVersion:
        pass
    try:
        text = package.version if re.search(r"[=<>~!]", package.version) else f"=={package.version}"
        # Parsed and written anew, so that no character of the original reaches the installer's own parser.
        specifier = str(SpecifierSet(text))
        written = Requirement(f"{_python_name(package)}{specifier}")
    except (InvalidSpecifier, InvalidRequirement):
        raise _refused(package, "has no usable version: write a number (1.2.3) or a range (>=1.2,<2)") from None
    if not specifier or "===" in specifier or written.url or written.marker:
        raise _refused(package, "has no usable version: write a number (1.2.3) or a range (>=1.2,<2)")
    return specifier


def _npm_name(package: Package) -> str:
    if _NPM_NAME.fullmatch(package.name) is None:
        raise _refused(package, "is no name of an npm package; write it as in 'npm install NAME', with no address")
    return package.name


def _range(package: Package) -> str:
    if package.version is None:
        return "latest"
    if _NPM_RANGE.fullmatch(package.version) is None:
        raise _refused(package, "has no usable version: write a number (1.2.3) or a range (^1.2 or >=1.2 <2)")
    return package.version


def _refused(package: Package, fault: str) -> PackagesUnresolvable:
    shown = "".join(char if char.isprintable() else "?" for char in package.name[:80])
    return PackagesUnresolvable(f"Package '{shown}' {fault}.", package=shown)
