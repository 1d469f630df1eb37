"""The coverage of Python programs that a test starts, where coverage is taken at all."""

import os
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

import jinba_mcp
from tests import measuring

_ROOT = Path(__file__).parents[1]
_SITE = Path(coverage.__file__).parents[1]
_SOURCES = Path(jinba_mcp.__file__).parent
_COPY = "/base/guest/"
"""Where sandboxes have the guest from, on the machine and inside."""


@pytest.fixture
def measured(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[str]:
    """Python code for a program to begin with, so that it is measured just as the test is; empty if that is not."""
    current = coverage.Coverage.current()
    if current is None:
        yield ""
        return
    taken = tmp_path_factory.mktemp("measured") / "data"
    taken.touch()
    begin = f"from tests.measuring import begin; begin({str(taken)!r}, {[f'{_SOURCES}/*', f'*{_COPY}*']!r})"
    yield f"import sys; sys.path[:0] = {[str(_ROOT), str(_SITE)]}; {begin}; del sys.path[:2]\n"
    _keep(taken.read_bytes(), pytestconfig.rootpath / str(current.get_option("run:data_file")))


def _keep(taken: bytes, beside: Path) -> None:
    """Write all parts to one file, where the data of all processes is combined at the end."""
    kept = coverage.CoverageData(str(beside), suffix=f"started.{os.getpid()}.{os.urandom(6).hex()}")
    while taken:
        end = measuring.LENGTH_BYTES + int.from_bytes(taken[: measuring.LENGTH_BYTES], "big")
        part = coverage.CoverageData(no_disk=True)
        part.loads(taken[measuring.LENGTH_BYTES : end])
        kept.update(part, map_path=_original)
        taken = taken[end:]
    kept.write()


def _original(path: str) -> str:
    return str(_SOURCES / "sandbox" / "guest" / path.partition(_COPY)[2]) if _COPY in path else path
