"""What is asked of uv: to lock a list of requirements, and to install a lock. Wheels only, so nothing is run."""

from collections.abc import Sequence
from pathlib import Path

from jinba_mcp.sandbox.packages.installers import Installers, Interpreter, OnLine, Said

RESOLVE_TIMEOUT_S = 60.0
INSTALL_TIMEOUT_S = 600.0
_UNSOLVED = 1


async def compiled(
    lines: Sequence[str], folder: Path, installers: Installers, python: Interpreter, options: Sequence[str] = ()
) -> Said:
    """The newest versions that fit together, with a hash for every file; for other platforms too, where they allow it.

    Raises:
        EnvironmentFailed: uv is not there, or went over a limit.
    """
    asked = folder / "requirements.in"
    asked.write_text("".join(f"{line}\n" for line in lines))
    command = [
        *("pip", "compile", asked.name, "--python", str(python.path), "--only-binary", ":all:", *options),
        *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-strip-extras"),
    ]
    said = await installers.uv([*command, "--universal"], folder, RESOLVE_TIMEOUT_S)
    if said.code == _UNSOLVED:
        # Some packages refuse Pythons that are newer, or platforms that are other, than the one they run on here.
        said = await installers.uv(command, folder, RESOLVE_TIMEOUT_S)
    return said


async def installed(  # noqa: PLR0913  what, where, with what, and how
    text: str,
    tree: Path,
    installers: Installers,
    python: Interpreter,
    *,
    options: Sequence[str] = (),
    on_line: OnLine | None = None,
) -> Said:
    """Install the lock `text` into `tree`, an empty folder: checked by hash.

    Raises:
        EnvironmentFailed: uv is not there, or went over a limit.
    """
    asked = tree.parent / "requirements.txt"
    asked.write_text(text)
    command = [
        *("pip", "sync", str(asked), "--target", str(tree), "--python", str(python.path)),
        *("--require-hashes", "--only-binary", ":all:", *options),
    ]
    # First from what was downloaded before, so that a rebuild works while the registry is away.
    said = await installers.uv([*command, "--offline"], tree.parent, INSTALL_TIMEOUT_S)
    if said.code:
        said = await installers.uv(command, tree.parent, INSTALL_TIMEOUT_S, on_line)
    return said
