"""What is put on a machine works there, where nothing of ours is installed."""

import ast
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from jinba_mcp.sandbox.remote import payload
from tests.sandbox.remote.machines import here


def test_the_archive_is_the_same_each_time_and_holds_what_its_modules_import() -> None:
    names = set(zipfile.ZipFile(io.BytesIO(payload.archive())).namelist())
    payload.archive.cache_clear()
    assert names == set(zipfile.ZipFile(io.BytesIO(payload.archive())).namelist())
    with zipfile.ZipFile(io.BytesIO(payload.archive())) as packed:
        for name in names:
            for node in ast.walk(ast.parse(packed.read(name))):
                if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("jinba_mcp"):
                    stem = node.module.replace(".", "/")
                    assert {f"{stem}.py", f"{stem}/__init__.py"} & names, (name, node.module)


def test_it_is_unpacked_and_started_by_a_bare_interpreter(tmp_path: Path) -> None:
    (tmp_path / "runner.zip").write_bytes(payload.archive())
    subprocess.run(here(payload.unpack_command(str(tmp_path))), check=True, cwd="/")
    assert list((tmp_path / "lib/jinba_mcp/sandbox/remote/__pycache__").glob("runner.*.pyc"))
    start = "import sys; sys.path[:0] = [sys.argv[1]]; from jinba_mcp.sandbox.guest import tools; tools.preload(); "
    start += "print(tools.load('def run(): return 1', shown='m', entrypoint='run').call(b'{}', 99).decode())"
    # -S: nothing but the standard library and what was unpacked.
    command = [sys.executable, "-I", "-S", "-c", start, str(tmp_path / "lib")]
    done = subprocess.run(command, check=True, capture_output=True, cwd="/")
    assert json.loads(done.stdout)["output"] == 1


def test_packages_are_installed_by_hash_from_wheels_only() -> None:
    command = payload.install_command("/r")
    assert {"--require-hashes", "--no-deps"} < set(command)
    assert command[command.index("--only-binary") + 1] == ":all:"
