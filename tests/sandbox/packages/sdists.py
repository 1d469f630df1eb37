"""Source distributions, honest and hostile, that bring along their build backend: a few lines, not setuptools."""

import io
import json
import textwrap
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.sandbox.packages.registries import tarball

BACKEND = """
import os, zipfile

NAME, VERSION, NEEDS, WANTED = {name!r}, {version!r}, {needs!r}, {wanted!r}

def get_requires_for_build_wheel(settings=None):
    return WANTED

def made(folder, files, name=NAME):
    info = f"{{name}}-{{VERSION}}.dist-info"
    needs = "".join(f"Requires-Dist: {{need}}\\n" for need in NEEDS)
    files = {{
        **files,
        f"{{info}}/METADATA": f"Metadata-Version: 2.1\\nName: {{name}}\\nVersion: {{VERSION}}\\n{{needs}}",
        f"{{info}}/WHEEL": "Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    files[f"{{info}}/RECORD"] = "".join(f"{{path}},,\\n" for path in [*files, f"{{info}}/RECORD"])
    file = f"{{name}}-{{VERSION}}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, file), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return file

def seen():
{code}

def build_wheel(folder, settings=None, metadata=None):
    return made(folder, {{f"{{NAME}}.py": f"SEEN = {{seen()!r}}\\n"}})
"""


def sdist(
    name: str,
    version: str,
    code: str = "return 'built'",
    *,
    requires: tuple[str, ...] = (),
    wanted: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    files: Mapping[str, str] | None = None,
    after: str = "",
) -> bytes:
    """A .tar.gz; what `code` returns while it is built is the value of SEEN in the module that the wheel has.

    `requires` stands in pyproject.toml, `wanted` is what the backend asks for in addition, `needs` what the wheel
    requires. `after` may replace any function of the backend.
    """
    project = (
        f'[build-system]\nrequires = {json.dumps(list(requires))}\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    backend = BACKEND.format(
        name=name, version=version, needs=needs, wanted=wanted, code=textwrap.indent(textwrap.dedent(code), "    ")
    )
    content = {"pyproject.toml": project, "backend.py": backend + textwrap.dedent(after)} | dict(files or {})
    return tarball({f"{name}-{version}/{path}": text for path, text in content.items()})


def seen(wheel: Path | bytes | None) -> object:
    """What the build of a wheel saw."""
    assert wheel is not None
    with zipfile.ZipFile(wheel if isinstance(wheel, Path) else io.BytesIO(wheel)) as archive:
        module = next(name for name in archive.namelist() if name.endswith(".py"))
        found: dict[str, object] = {}
        exec(archive.read(module).decode(), found)  # noqa: S102  the test's own, if written by a build
        return found["SEEN"]
