"""The types that authors' editors show, checked by Deno's own compiler."""

import subprocess
from pathlib import Path

import pytest

from jinba_mcp.sandbox.local import deno
from tests.sandbox.typescript.conftest import GUEST

USE = """
import { audio, type Block, content, embeddedResource, image, progress, resourceLink, text } from "jinba-mcp/authoring";
export function run(input: { bytes: Uint8Array }) {
  progress(1);
  progress(1, 2, "half");
  const blocks: (Block | string)[] = [
    "a",
    text("b"),
    image(input.bytes),
    audio(input.bytes, "audio/mp3"),
    resourceLink({ uri: new URL("https://example.com"), name: "n" }),
    embeddedResource({ uri: "file:///a", text: "t" }),
  ];
  return content(blocks, { n: 1 });
}
"""
MISUSE = """
import { embeddedResource, image, progress } from "jinba-mcp/authoring";
progress("1");
image("cG5n");
embeddedResource({ uri: "file:///a" });
"""


def check(folder: Path, code: str) -> str:
    (folder / "main.ts").write_text(code)
    options = ["--no-config", "--no-remote", f"--import-map={GUEST}/deno/imports.json"]
    command = [str(deno.installed().path), "check", *options, "main.ts"]
    variables = {"DENO_DIR": str(folder / "cache"), "NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False).stderr


@pytest.mark.slow
@pytest.mark.parametrize(("code", "fault_count"), [(USE, 0), (MISUSE, 3)])
def test_the_types_fit_what_there_is(tmp_path: Path, code: str, fault_count: int) -> None:
    assert check(tmp_path, code).count("[ERROR]") == fault_count
