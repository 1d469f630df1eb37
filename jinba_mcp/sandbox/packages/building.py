"""Building: from a lock to a folder of packages. No install scripts, and what has no wheel is built behind walls."""

import re
from pathlib import Path

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.domain.packages import Lock
from jinba_mcp.sandbox.packages import explaining, locks, trees, uv
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter, Said, Say
from jinba_mcp.sandbox.packages.walled import BuildFailed
from jinba_mcp.sandbox.packages.wheels import Builder, Wheel

BUILD_TIMEOUT_S = 600.0

_STAGES = (
    (re.compile(r"Downloading ([\w.-]+) \(([\d.]+)([KMG]iB)\)"), r"Downloading \1 (\2 \3)"),
    (re.compile(r"Prepared (\d+ packages?) in .*"), r"Downloaded \1"),
    (re.compile(r"Installed (\d+ packages?) in .*"), r"Installed \1"),
    (re.compile(r"Bytecode compiled (\d+ files?) in .*"), r"Compiled \1"),
    (re.compile(r"Download \S+/([\w.-]+)\.tgz"), r"Downloading \1"),
)


async def build(lock: Lock, tree: Path, installers: Installers, python: Interpreter, say: Say) -> None:
    """Install what `lock` names into `tree`, an empty folder: checked by hash, byte-compiled, never run.

    For Python, `tree` is then what goes on `sys.path`; for TypeScript it has package.json, deno.lock and node_modules.

    Raises:
        EnvironmentFailed: the lock cannot be used, or the registry cannot be, now.
    """
    count = locks.count(lock)
    say(f"Installing {count} packages" if count != 1 else "Installing 1 package")
    if lock.kind == "python":
        said = await _python(lock, tree, installers, python, say)
    else:
        said = await _npm(lock, tree, installers, say)
    if said.code:
        raise explaining.moment_fault(said.errors)


async def _python(lock: Lock, tree: Path, installers: Installers, python: Interpreter, say: Say) -> Said:
    made = [await _made(build, installers, python, say) for build in locks.builds(lock.text)]
    found = [word for wheel in made for word in ("--find-links", str(wheel.path.parent))]
    if found:
        # What is given on the command line stands in the place of the operator's own.
        operators = installers.environ.get("UV_FIND_LINKS", "").split(",")
        found += [word for place in operators if place for word in ("--find-links", place)]
    # Without byte code now there will never be any: the sandbox sees the tree read-only.
    options = ("--compile-bytecode", *found)
    said = await uv.installed(
        _with_wheels(lock.text, made), tree, installers, python, options=options, on_line=lambda line: _tell(line, say)
    )
    if not said.code:
        _strip(tree)
    return said


async def _made(build: locks.Build, installers: Installers, python: Interpreter, say: Say) -> Wheel:
    if not installers.allow_builds:
        raise EnvironmentFailed(
            f"Package '{build.source.name}' of this version is built from source, which this server does not allow. "
            "Have the operator set JINBA_ALLOW_BUILDS, or publish a version with packages that have wheels."
        )
    try:
        return await Builder(installers, python).remake(build.source, build.tools, say)
    except BuildFailed as failed:
        raise EnvironmentFailed(f"Package '{build.source.name}' cannot be installed now: {failed}.") from None


def _with_wheels(text: str, made: list[Wheel]) -> str:
    """The lock as uv is to follow it: for what was built, the hash of the wheel takes the place of the source's."""
    hashes = {(wheel.source.name, wheel.source.version): wheel.sha256 for wheel in made}
    pins = locks.pins(text)
    return "".join(
        pin.with_hash(hashes[pin.name, pin.version]) if (pin.name, pin.version) in hashes else pin.text for pin in pins
    )


def _strip(tree: Path) -> None:
    """Take out what no tool needs: start-up hooks of Python, should an interpreter ever read them, and programs."""
    for hook in (*tree.glob("*.pth"), tree / ".lock"):
        hook.unlink(missing_ok=True)
    programs = tree / "bin"
    if programs.is_dir() and not programs.is_symlink() and not (programs / "__init__.py").exists():
        # Their first lines name the interpreter, with its path on this machine.
        trees.remove(programs)


async def _npm(lock: Lock, tree: Path, installers: Installers, say: Say) -> Said:
    (tree / "package.json").write_text(locks.manifest(locks.asked(lock)))
    (tree / "deno.lock").write_text(lock.text)
    command = ["install", "--frozen", "--node-modules-dir=auto"]
    return await installers.deno(command, tree, BUILD_TIMEOUT_S, lambda line: _tell(line, say))


def _tell(line: str, say: Say) -> None:
    for pattern, sentence in _STAGES:
        if match := pattern.fullmatch(line):
            say(match.expand(sentence))
