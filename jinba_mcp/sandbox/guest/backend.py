"""A program of its own: unpacks a source distribution and has its build backend make a wheel, as PEP 517 says.

    python -S backend.py ORDER

ORDER is JSON: `source`, the archive, and `given`, the requirements that are installed, or null when nothing is to be
asked. The answer goes to descriptor 3: a line of JSON, {"needs": […]} or {"wheel": name}, and behind it the wheel.
Everything here runs together with a stranger's code, so whoever reads the answer believes none of it.
"""

import importlib
import json
import os
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

ANSWER_FD = 3
_SOURCE, _WHEELS = Path("/tmp/source"), Path("/tmp/wheels")  # noqa: S108  its own
_BEFORE_PEP_518 = {"requires": ["setuptools>=40.8.0"], "build-backend": "setuptools.build_meta:__legacy__"}


def main(order: dict[str, Any]) -> None:
    """Answer an order."""
    _go_to_source(order["source"])
    system = _build_system()
    requires, given = list(system["requires"]), order["given"]
    if given is not None and not set(requires) <= set(given):
        _answer({"needs": requires})
        return
    backend = _backend(system)
    if given is not None:
        ask = getattr(backend, "get_requires_for_build_wheel", None)
        requires += ask(None) if ask is not None else []
        if not set(requires) <= set(given):
            _answer({"needs": requires})
            return
    _WHEELS.mkdir()
    name = backend.build_wheel(str(_WHEELS), None)
    _answer({"wheel": name}, _WHEELS / name)


def _go_to_source(archive: str) -> None:
    shutil.unpack_archive(archive, _SOURCE)
    # PEP 625: one folder, in which everything is.
    os.chdir(next(entry for entry in _SOURCE.iterdir() if entry.is_dir()))


def _build_system() -> dict[str, Any]:
    file = Path("pyproject.toml")
    found = tomllib.loads(file.read_text(encoding="utf-8")).get("build-system", {}) if file.exists() else {}
    return _BEFORE_PEP_518 | found


def _backend(system: dict[str, Any]) -> Any:
    # Its own folder is none of the package's business, and would stand first.
    sys.path[0:1] = [str(Path(path).resolve()) for path in system.get("backend-path", [])]
    module, _, inner = system["build-backend"].partition(":")
    found: Any = importlib.import_module(module)
    for name in inner.split(".") if inner else []:
        found = getattr(found, name)
    return found


def _answer(header: dict[str, Any], wheel: Path | None = None) -> None:
    with os.fdopen(ANSWER_FD, "wb") as stream:
        stream.write(json.dumps(header).encode() + b"\n")
        if wheel is not None:
            with wheel.open("rb") as content:
                shutil.copyfileobj(content, stream)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
