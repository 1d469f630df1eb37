"""Tools in the landlock tier, with a small Internet around it; a program of its own, to be run in a container."""

import asyncio
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.domain.tools import Language
from jinba_mcp.sandbox.egress.proxy import Proxy
from jinba_mcp.sandbox.engine import Bundle, Limits, Program, Setup
from jinba_mcp.sandbox.local import selftest
from jinba_mcp.sandbox.local.deno import Deno, installed
from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.tiers import Tier
from tests.sandbox import containers
from tests.sandbox.egress.worlds import PUBLIC, Internet, Serve, Site, echo, hello
from tests.sandbox.hostile.conftest import require

SCRIPT = """
import asyncio, json
from tests.sandbox.local import contained
print(json.dumps(asyncio.run(contained.main(json.loads(sys.argv[1])))))
"""
POLICY = ("allowed.test", f"{PUBLIC}:5432")


@dataclass(frozen=True)
class Tool:
    """What is run, and with which policy."""

    code: str
    language: Language = "python"
    network: Network = "off"
    is_permissive: bool = False
    """Whether Deno's own permissions are all given."""


class Permissive(Deno):
    """As if Deno's permissions had a hole as large as themselves."""

    def arguments(self, program: Program, limits: Limits, guest: str) -> tuple[str, ...]:
        given = super().arguments(program, limits, guest)
        return (*given[:2], "--allow-all", *(each for each in given[2:] if not each.startswith("--allow")))


class Installed:
    """One folder of packages, for TypeScript."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def environment_for(self, bundle: Bundle, report: Reporter | None = None) -> Path | None:
        return self._folder if bundle.language == "typescript" else None

    def release(self, digest: str) -> None:
        """It stays."""


async def main(told: dict[str, Any]) -> dict[str, Any]:
    """Run one tool after the other; what came of them and what the Internet saw."""
    before = _descriptors()
    internet = Internet(answers={"allowed.test": [[PUBLIC]], "inward.test": [["127.0.0.1"]]})
    servers = [await _served(internet, 80, Site(hello).serve), await _served(internet, 5432, echo)]
    engines = {kind: _engine(told, kind, internet) for kind in (Deno, Permissive)}
    with socket.create_server(("127.0.0.1", 0)) as neighbour:
        neighbour.setblocking(False)
        arguments = {"port": neighbour.getsockname()[1], "canary": told["canary"]}
        tools = [Tool(**each) for each in told["tools"]]
        seen = [await _seen(engines[Permissive if tool.is_permissive else Deno], tool, arguments) for tool in tools]
        try:
            neighbour.accept()
            was_visited = True
        except BlockingIOError:
            was_visited = False
    for engine in engines.values():
        await engine.close()
    for server in servers:
        server.close()
        await server.wait_closed()
    left = sorted(_descriptors() - before)
    return {"seen": seen, "dialled": internet.dialled, "was_visited": was_visited, "left": left}


def _descriptors() -> set[str]:
    """What is open, and as which number."""
    links = [Path(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]  # noqa: PTH208  names are all
    return {f"{link.name}: {link.readlink()}" for link in links if link.is_symlink()}


async def _served(internet: Internet, port: int, serve: Serve) -> asyncio.Server:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    internet.ports[PUBLIC, port] = server.sockets[0].getsockname()[1]
    return server


def _engine(told: dict[str, Any], kind: type[Deno], internet: Internet) -> LocalEngine:
    return LocalEngine(
        Path(told["cache"]),
        tier=Tier.LANDLOCK,
        typescript=kind(Path(told["deno"])),
        packages=Installed(Path(told["packages"])),
        egress=Proxy(lookup=internet.lookup, connect=internet.connect),
    )


async def _seen(engine: LocalEngine, tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    network = tool.network if isinstance(tool.network, str) else tuple(tool.network)
    bundle = Bundle(digest=tool.language, toolset="greeting-tools", language=tool.language, network=network)
    program = Program(bundle=bundle, tool="greet", entrypoint="run", code=tool.code)
    try:
        capabilities = await engine.capabilities()
        outcome = await engine.run(Setup(program, Limits(timeout_s=30)), arguments)
    except JinbaError as error:
        return {"error": error.message}
    return {
        "error": outcome.error and outcome.error.message,
        "output": outcome.output,
        "log": outcome.logs.stdout,
        "languages": capabilities.languages,
        "networks": capabilities.networks,
    }


def run(folder: Path, user: int | None, *tools: Tool) -> dict[str, Any]:
    """Run tools in a container as root or as an ordinary user; `folder` is one that anybody may write to.

    Skips the test where nobody can make such a container, or where the tier has nothing to stand on.
    """
    machine = selftest.host()
    require(is_there=machine.is_root, what="root for the tests, who may make a container")
    require(is_there=machine.landlock_abi >= _LEAST_ABI, what=f"Landlock of ABI {_LEAST_ABI}")
    require(is_there=machine.has_broker, what="seccomp user notification (Linux 5.19)")
    deno = installed()
    require(is_there=deno.is_open(), what=f"{deno.path} that any user may start")
    package = folder / "packages/node_modules/pack"
    package.mkdir(parents=True, exist_ok=True)
    (package / "package.json").write_text('{"name": "pack", "version": "1.0.0", "type": "module", "main": "main.js"}')
    (package / "main.js").write_text(_PACKAGE)
    (folder / "canary").write_text("a secret of the host")
    cache = folder / f"cache-{user or 'root'}"
    cache.mkdir(exist_ok=True)
    for path in (cache, *folder.rglob("packages"), *folder.rglob("packages/**")):
        path.chmod(0o777 if path.is_dir() else 0o644)
    told = {
        "cache": str(cache),
        "canary": str(folder / "canary"),
        "deno": str(deno.path),
        "packages": str(folder / "packages"),
        "tools": [asdict(tool) for tool in tools],
    }
    found: dict[str, Any] = json.loads(containers.run(SCRIPT, json.dumps(told), user=user))
    return found


_LEAST_ABI = 3
_PACKAGE = """
import { readFileSync } from "node:fs";
export const own = () => JSON.parse(readFileSync(`${import.meta.dirname}/package.json`, "utf8")).name;
"""
