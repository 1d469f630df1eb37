"""The program that asks a build backend, without the walls that it stands in otherwise; the backend is the test's."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jinba_mcp.sandbox.guest import backend
from tests.sandbox.packages.sdists import sdist, seen

Answered = Callable[..., tuple[object, bytes]]

# The folders inside the walls are replaced, and descriptor 3 is given as it is there.
RUN = """
import json, os, pathlib, runpy, sys
os.dup2(int(sys.argv[3]), 3)
module = runpy.run_path(sys.argv[1])
places = module["main"].__globals__
places["_SOURCE"], places["_WHEELS"] = pathlib.Path("source").resolve(), pathlib.Path("wheels").resolve()
module["main"](json.loads(sys.argv[2]))
"""


@pytest.fixture
def answered(tmp_path: Path, measured: str) -> Answered:
    """What the program answers to an archive and the requirements that are given: a line of JSON, and what follows."""

    def run(archive: bytes, given: list[str] | None, kind: str = ".tar.gz") -> tuple[object, bytes]:
        source = tmp_path / f"source{kind}"
        source.write_bytes(archive)
        reading, writing = os.pipe()
        order = json.dumps({"source": str(source), "given": given})
        command = [sys.executable, "-S", "-B", "-c", measured + RUN, backend.__file__, order, str(writing)]
        subprocess.run(command, cwd=tmp_path, pass_fds=[writing], check=True)
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            return json.loads(stream.readline()), stream.read()

    return run


def test_a_wheel_is_the_answer(answered: Answered) -> None:
    header, content = answered(sdist("sums", "1.0.0"), [])
    assert header == {"wheel": "sums-1.0.0-py3-none-any.whl"}
    assert seen(content) == "built"


def test_requirements_come_first(answered: Answered) -> None:
    assert answered(sdist("sums", "1.0.0", requires=("adding",)), []) == ({"needs": ["adding"]}, b"")


def test_then_what_the_backend_asks_for(answered: Answered) -> None:
    archive = sdist("sums", "1.0.0", requires=("adding",), wanted=("more>=1",))
    assert answered(archive, ["adding"]) == ({"needs": ["adding", "more>=1"]}, b"")


def test_without_given_requirements_nothing_is_asked(answered: Answered) -> None:
    header, _ = answered(sdist("sums", "1.0.0", requires=("adding",), wanted=("more",)), None)
    assert header == {"wheel": "sums-1.0.0-py3-none-any.whl"}


def test_a_backend_may_be_an_object_in_a_module(answered: Answered) -> None:
    project = '[build-system]\nrequires = []\nbuild-backend = "backend:inner.most"\nbackend-path = ["."]\n'
    after = """
    class inner:
        class most:
            build_wheel = staticmethod(build_wheel)
    """
    header, _ = answered(sdist("sums", "1.0.0", after=after, files={"pyproject.toml": project}), [])
    assert header == {"wheel": "sums-1.0.0-py3-none-any.whl"}
