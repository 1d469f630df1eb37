"""TypeScript in the landlock tier, in a container: real paths, and nothing but what Landlock lets be read."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import containers
from tests.sandbox.hostile.typescript_tools import ATTEMPTS, trying
from tests.sandbox.local import contained
from tests.sandbox.local.contained import Tool

pytestmark = pytest.mark.slow

USE = Tool(
    """
    import { own } from "pack";
    import { progress } from "jinba-mcp/authoring";
    import { tmpdir } from "node:os";
    export function run() {
      console.log("hello");
      progress(1);
      Deno.writeTextFileSync(Deno.makeTempFileSync(), "written");
      const here = Deno.cwd();
      return [own(), [tmpdir(), process.env.HOME].every((each) => each === here), [...Deno.readDirSync(".")].length];
    }
    """,
    language="typescript",
)
PROBE = Tool(
    """
    const paths = ["/proc/self/environ", "/proc/1/cmdline", "/proc/self/mem", "/etc/passwd", "..", "../.."];
    export function run({ canary }: { canary: string }) {
      const found = [];
      for (const path of [canary, ...paths]) {
        try { Deno.openSync(path); found.push(path); } catch { /* as it should be */ }
        try { [...Deno.readDirSync(path)]; found.push(path); } catch { /* as it should be */ }
      }
      for (const path of ["../x", "../node_modules/x", "/tmp/x", Deno.execPath()]) {
        try { Deno.writeTextFileSync(path, "x"); found.push(path); } catch { /* as it should be */ }
      }
      return found;
    }
    """,
    language="typescript",
    is_permissive=True,
)


def attempting(folder: Path, *, is_permissive: bool) -> Tool:
    attempts = tuple(each for each in ATTEMPTS if each.outer or not is_permissive)
    code = trying(attempts).replace("{canary}", str(folder / "canary")).replace("{port}", "80")
    return Tool(code, language="typescript", is_permissive=is_permissive)


@pytest.fixture(scope="module", params=[None, containers.NOBODY], ids=["root", "user"])
def told(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """What came of all of them, one after the other."""
    folder = Path(tempfile.mkdtemp(prefix="jinba-test-typescript-"))
    folder.chmod(0o777)  # anyone may come in
    attempts = [attempting(folder, is_permissive=each) for each in (False, True)]
    yield contained.run(folder, request.param, USE, PROBE, *attempts)
    shutil.rmtree(folder)


def test_a_tool_runs_with_packages_and_a_folder_of_its_own(told: dict[str, Any]) -> None:
    used, *_ = told["seen"]

    assert (used["error"], used["languages"]) == (None, ["python", "typescript"])
    assert used["output"] == ["pack", True, 2]
    assert used["log"] == ["hello"]


def test_without_denos_permissions_the_walls_hold(told: dict[str, Any]) -> None:
    _, probed, *attempted = told["seen"]

    assert (probed["error"], probed["output"]) == (None, [])
    assert [(each["error"], each["output"]) for each in attempted] == [(None, []), (None, [])]
