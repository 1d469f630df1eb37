"""A process with an engine in it, which a test may starve or kill; as the tests' user or as another."""

import asyncio
import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jinba_mcp.sandbox.local import selftest
from tests.sandbox import containers

_LEAST_ABI = 3
_TOLD_S = 120.0
_PROJECT = Path(__file__).parents[3]
_BEGIN = """
import asyncio, json, os, resource, signal, sys, tempfile
from pathlib import Path
from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.sandbox import pool
from jinba_mcp.sandbox.engine import Bundle, Limits, Outcome, Program, Setup
from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.tiers import Tier
from tests.sandbox.endurance import census

QUICK = "def run() -> int:\\n    return 42"
cache = Path(sys.argv[1])
tempfile.tempdir = str(cache / "tmp")

def made(tier="namespaces", **options):
    return LocalEngine(cache, tier=Tier(tier), python=sys.argv[2] or None, **options)

def setup(code=QUICK, digest="sha256:1", **limits):
    bundle = Bundle(digest=digest, toolset="greeting-tools", language="python")
    return Setup(Program(bundle=bundle, tool="greet", entrypoint="run", code=code), Limits(**limits))

async def fate(engine, setup):
    try:
        outcome = await engine.run(setup, {})
    except JinbaError as error:
        return f"{type(error).__name__}: {error.message}"
    return outcome.output if outcome.error is None else outcome.error.name

def tell(what):
    print(json.dumps(what), flush=True)

"""


def needed(tier: str, user: int | None = None) -> None:
    """Skip the test if this machine has no such tier, or the tests may not become that user."""
    is_root = os.geteuid() == 0
    what = None
    if user is not None and not is_root:
        what = "root for the tests, who may become other users"
    elif tier == "landlock" and selftest.host().landlock_abi < _LEAST_ABI:
        what = f"Landlock of ABI {_LEAST_ABI}"
    elif tier == "namespaces" and not _has_namespaces():
        what = "user namespaces"
    if what is not None and os.environ.get("JINBA_TEST_REQUIRE_SANDBOX") == "1":
        pytest.fail(f"JINBA_TEST_REQUIRE_SANDBOX is set, and this machine has no {what}")
    if what is not None:
        pytest.skip(f"this machine has no {what}")


@functools.cache
def _has_namespaces() -> bool:
    tried = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "true"], check=False)
    return tried.returncode == 0


def given(place: Path, user: int) -> Path:
    """Let it be that user's, with all that is in it."""
    for each in (place, *place.rglob("*")):
        os.chown(each, user, user)
    return place


@contextmanager
def serving(script: str, cache: Path, *arguments: str, user: int | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A process that runs `async def main()` of a script, which has `_BEGIN` before it. Killed at the end.

    Its interpreter is one that any user may start.
    """
    command = containers.interpreter()
    packages = [path for path in sys.path if path.endswith("site-packages")]
    paths = f"import sys; sys.path[:0] = {[str(_PROJECT), *packages]!r}\n"
    guests = "" if command[0] == sys.executable else command[0]
    process = subprocess.Popen(
        [*command, "-I", "-S", "-c", paths + _BEGIN + script + "\nasyncio.run(main())", str(cache), guests, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"},
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


async def told(server: "subprocess.Popen[str]") -> Any:
    """The next thing that the process tells."""
    assert server.stdout is not None
    async with asyncio.timeout(_TOLD_S):
        return json.loads(await asyncio.to_thread(server.stdout.readline))
