"""Resolving: from what an author lists to a lock with a hash for every file, without running any of them."""

from collections.abc import Set as AbstractSet
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jinba_mcp.domain.errors import EnvironmentFailed, PackagesUnresolvable
from jinba_mcp.domain.packages import MAX_LOCK_BYTES, Lock, Package
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.tools import Language
from jinba_mcp.sandbox.packages import explaining, locks, requirements, sourcing, uv
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter
from jinba_mcp.sandbox.packages.trees import scratch_folder


async def resolve(
    language: Language,
    packages: tuple[Package, ...],
    *,
    installers: Installers,
    python: Interpreter,
    report: Reporter | None = None,
) -> Lock:
    """The newest versions that fit together, locked; beside what is listed, what tools describe themselves with.

    A Python lock also serves newer Pythons and other platforms, where the packages allow it.

    Raises:
        PackagesUnresolvable: the list is at fault; `details` name the package where it is known.
        EnvironmentFailed: the registry cannot be used now.
    """
    resolver = {"python": _python, "typescript": _npm}[language]
    try:
        with scratch_folder(installers.cache_dir / "resolving") as folder:
            text = await resolver(packages, folder, installers, python, report)
    except OSError as error:
        raise explaining.disk_fault(error) from error
    if len(text.encode()) > MAX_LOCK_BYTES:
        raise PackagesUnresolvable(
            f"The packages bring so many others that their lock is over {MAX_LOCK_BYTES // 1024} KB. List fewer."
        )
    lock = Lock(kind=language, packages=packages, text=text)
    # What cannot be read back would fail at the first call, long after anybody could do something about it.
    try:
        locks.count(lock)
    except EnvironmentFailed:
        raise PackagesUnresolvable(
            "The packages bring others whose names or hashes cannot be used. List other versions, or fewer packages."
        ) from None
    return lock


async def _python(
    packages: tuple[Package, ...], folder: Path, installers: Installers, python: Interpreter, report: Reporter | None
) -> str:
    lines = requirements.python(packages)
    _say(report, {canonicalize_name(Requirement(line).name) for line in lines})
    said = await uv.compiled(lines, folder, installers, python)
    if said.code and installers.allow_builds and explaining.without_wheels(said.errors):
        said = await sourcing.compiled(lines, folder, installers, python, report)
    if said.code:
        raise explaining.python_fault(said.errors, packages, python.version)
    return said.output


async def _npm(
    packages: tuple[Package, ...], folder: Path, installers: Installers, _: Interpreter, report: Reporter | None
) -> str:
    asked = requirements.npm(packages)
    (folder / "package.json").write_text(locks.manifest(asked))
    _say(report, asked.keys())
    said = await installers.deno(["install", "--lockfile-only"], folder, uv.RESOLVE_TIMEOUT_S)
    written = folder / "deno.lock"
    if said.code or not written.is_file():
        raise explaining.npm_fault(said.errors, packages)
    # Far more than is kept, since addresses are still to be taken out.
    if written.stat().st_size > 4 * MAX_LOCK_BYTES:
        raise EnvironmentFailed("The npm registry gave an answer of unreasonable size. Try again later.")
    return locks.without_hosts(written.read_text())


def _say(report: Reporter | None, names: AbstractSet[str]) -> None:
    if report is not None:
        report(0, None, f"Resolving {len(names)} packages" if len(names) != 1 else f"Resolving {', '.join(names)}")
