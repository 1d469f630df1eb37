"""Deno with our harness in it, on plain descriptors: no walls, and nothing of the engine's."""

import json
import os
import select
import socket
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import jinba_mcp.sandbox.guest as guest_package
from jinba_mcp.domain.env import NO_ENV, Env
from jinba_mcp.sandbox.engine import Bundle, Limits, Program, Setup
from jinba_mcp.sandbox.guest import channel
from jinba_mcp.sandbox.guest.channel import HEADER, framed
from jinba_mcp.sandbox.local import deno
from tests.sandbox.local.conftest import cache_dir, running  # noqa: F401  engines inside the walls

GUEST = str(Path(guest_package.__file__).parent)
WAIT_S = 60.0
SHOWN = "greeting-tools/greet/main.ts"


@dataclass
class Told:
    """What a harness said: the payload of READY, and of each frame after it by kind."""

    ready: dict[str, Any] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)
    progress: list[list[Any]] = field(default_factory=list)
    stdout: str = ""
    stderr: str = ""

    @property
    def result(self) -> dict[str, Any]:
        (result,) = self.results
        return result

    @property
    def output(self) -> Any:
        assert self.result["ok"], self.result
        return self.result["output"]

    @property
    def error(self) -> tuple[str, str]:
        error = self.result["error"]
        return error["name"], error["message"]

    @property
    def fault(self) -> dict[str, Any]:
        found: dict[str, Any] = self.result["fault"]
        return found


Talk = Callable[..., Told]
DESCRIBE = None
"""In place of arguments: asks for the signature."""


def tool(code: str, *, env: Env = NO_ENV, bundle: Any = None, **limits: Any) -> Setup:
    """A TypeScript tool `greeting-tools/greet` of the given code, to be run with the given limits."""
    fields = {"digest": "sha256:1", "toolset": "greeting-tools", "language": "typescript"} | (bundle or {})
    program = Program(bundle=Bundle.model_validate(fields), tool="greet", entrypoint="run", code=textwrap.dedent(code))
    return Setup(program, Limits(**({"timeout_s": 60} | limits)), env)


def talked(
    code: str,
    *calls: Any,
    entrypoint: str = "run",
    packages: Path | None = None,
    bundle: Any = None,
    **setup: Any,
) -> Told:
    """Run a tool's code, call it with each of the arguments (once with none), and end it."""
    program = tool(code, bundle=bundle).program
    told = {"code": program.code, "shown": program.shown, "entrypoint": entrypoint}
    defaults = {"env": {}, "log_bytes": 1000, "output_bytes": 1000, "is_lazy": False}
    frames = framed(channel.SETUP, json.dumps(told | defaults | setup).encode())
    for call in calls or ({},):
        kind = channel.CALL if call is not DESCRIBE else channel.DESCRIBE
        frames += framed(kind, json.dumps(call).encode())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        installed = deno.Deno(deno.installed().path, str(deno.installed().path), str(packages or folder / "none"))
        if packages is not None:
            (folder / "node_modules").symlink_to(packages)
        arguments = installed.arguments(program, Limits(), GUEST)
        return _conversation(arguments, dict(installed.variables), folder, frames)


@pytest.fixture
def talk() -> Talk:
    return talked


def _conversation(arguments: tuple[str, ...], variables: dict[str, str], folder: Path, frames: bytes) -> Told:
    ours, theirs = socket.socketpair()
    pipes = [os.pipe() for _ in range(3)]
    given = [theirs.fileno(), pipes[0][1], pipes[1][1], pipes[2][1]]
    # Moved up first, or one of them would be overwritten before its turn.
    high = [os.dup(each) for each in given]
    actions = [(os.POSIX_SPAWN_DUP2, each, to) for to, each in enumerate(high)]
    command = ["/usr/bin/env", "-C", str(folder), *arguments]
    pid = os.posix_spawn(command[0], command, variables, file_actions=actions)
    for each in (*high, *given[1:]):
        os.close(each)
    theirs.close()
    ours.sendall(frames)
    ours.shutdown(socket.SHUT_WR)
    stdout, stderr, result = _drained([reading for reading, _ in pipes])
    ours.close()
    os.waitpid(pid, 0)
    told = Told(stdout=stdout.decode(), stderr=stderr.decode())
    while result:
        kind, length = HEADER.unpack_from(result)
        payload, result = result[HEADER.size : HEADER.size + length], result[HEADER.size + length :]
        read: Any = json.loads(payload) if payload else {}
        if kind == channel.READY:
            told.ready = read
        elif kind == channel.PROGRESS:
            told.progress.append(read)
        else:
            told.results.append(read)
    return told


def _drained(descriptors: list[int]) -> list[bytes]:
    """All that is written to each, until every one is closed."""
    found = dict.fromkeys(descriptors, b"")
    poll = select.poll()
    for each in descriptors:
        poll.register(each, select.POLLIN)
    is_open = set(descriptors)
    while is_open:
        events = poll.poll(WAIT_S * 1000)
        assert events, "Deno says nothing and does not end"
        for each, _event in events:
            read = os.read(each, 65_536)
            found[each] += read
            if not read:
                poll.unregister(each)
                os.close(each)
                is_open.remove(each)
    return list(found.values())


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """A folder of packages with one in it that does what the harness asks of Zod, for tests without the network."""
    package = tmp_path / "node_modules" / "schemas"
    package.mkdir(parents=True)
    (package / "package.json").write_text(
        '{"name": "schemas", "version": "1.0.0", "type": "module", "main": "index.js"}'
    )
    (package / "index.js").write_text(_SCHEMAS)
    return package.parent


_SCHEMAS = """
/** An object of fields by the names of their types; `read` may change what was valid. */
export function shape(types, read = (value) => value, words = {}) {
  const properties = Object.fromEntries(Object.entries(types).map(([name, type]) => [name, { type }]));
  const schema = (side) => ({ $schema: "x", type: "object", properties, required: Object.keys(types), side, ...words });
  const validate = (value) => {
    const issues = Object.entries(types)
      .filter(([name, type]) => typeof value?.[name] !== type)
      .map(([name, type]) => ({ message: `expected ${type}`, path: [name] }));
    return issues.length ? { issues } : { value: read(value) };
  };
  const jsonSchema = { input: () => schema("input"), output: () => schema("output") };
  return { "~standard": { version: 1, vendor: "schemas", validate, jsonSchema } };
}
"""
