"""Two runs at once in the landlock tier, one of which would like to see the other's files."""

import asyncio
import json
import sys
from pathlib import Path

from jinba_mcp.sandbox.engine import Bundle, Limits, Outcome, Program, Setup
from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.tiers import Tier

_OWNER = """
import os, time
from jinba_mcp.authoring import progress

def run() -> None:
    with open("secret", "w") as file:
        file.write("mine")
    progress(1, message=os.path.abspath("secret"))
    time.sleep(300)
"""
_STRANGER = """
import os, tempfile

def run(path: str) -> list:
    os.mkdir("folder")
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("written")
        found = [os.listdir(".").count("folder")]
    above = os.path.dirname(path)
    for attempt in (
        lambda: open(path).read(),
        lambda: os.unlink(path),
        lambda: os.listdir(above),
        lambda: os.listdir(os.path.dirname(above)),
        lambda: os.listdir(".."),
        lambda: os.rename(above, above + "-taken"),
    ):
        try:
            found.append(str(attempt()))
        except OSError:
            pass
    return found
"""


async def _meeting(cache: str) -> list[object]:
    engine = LocalEngine(Path(cache), tier=Tier.LANDLOCK)
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def report(_done: float, _total: float | None, message: str | None) -> None:
        if not told.done():
            told.set_result(str(message))

    try:
        owner = asyncio.ensure_future(engine.run(_setup("sha256:1", "owner", _OWNER), {}, report))
        path = await asyncio.wait_for(told, 60)
        strangers = [_setup(digest, "stranger", _STRANGER) for digest in ("sha256:1", "sha256:2")]
        found = [await engine.run(stranger, {"path": path}) for stranger in strangers]
        owner.cancel()
        return [_said(outcome) for outcome in found]
    finally:
        await engine.close()


def _setup(digest: str, tool: str, code: str) -> Setup:
    bundle = Bundle(digest=digest, toolset="neighbours", language="python")
    return Setup(Program(bundle=bundle, tool=tool, entrypoint="run", code=code), Limits(timeout_s=200))


def _said(outcome: Outcome) -> object:
    return outcome.output if outcome.error is None else outcome.error.message


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_meeting(sys.argv[1]))))
