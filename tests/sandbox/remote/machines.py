"""A provider whose machines are folders, and whose commands are processes of this machine."""

import asyncio
import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.engine import Bundle
from jinba_mcp.sandbox.remote import payload
from jinba_mcp.sandbox.remote.provider import Machine, MachineGone, Order, ProviderFailed, Provision


def here(command: Sequence[str]) -> list[str]:
    """A command for a machine, run by the interpreter of these tests."""
    return [sys.executable, *command[1:]] if command[0] == "python3" else list(command)


def here_in_shell(line: str) -> str:
    """The same for a command line."""
    return shlex.quote(sys.executable) + line[len("python3") :] if line.startswith("python3 ") else line


class FolderMachine:
    """One folder; `events` tells what was done with it."""

    def __init__(self, root: Path, events: list[str]) -> None:
        self.root = root
        self.events = events
        self.is_gone = False

    async def upload(self, path: str, content: bytes) -> None:
        self.events.append(f"upload {Path(path).name}")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(Path(path).write_bytes, content)

    async def execute(self, command: Sequence[str], timeout_s: float) -> tuple[int, str]:
        self.events.append("execute")
        process = await asyncio.create_subprocess_exec(
            *here(command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await asyncio.wait_for(process.communicate(), timeout_s)
        return process.returncode or 0, output.decode()

    async def call(self, request: bytes, receive: Callable[[bytes], None], timeout_s: float) -> None:
        if self.is_gone:
            raise MachineGone
        self.events.append("call")
        process = await asyncio.create_subprocess_exec(
            *here(payload.run_command(str(self.root))), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request)
            while data := await process.stdout.read(65536):
                receive(data)
        except BaseException:
            with contextlib.suppress(ConnectionError):
                process.stdin.write(b"stop\n")
            raise
        finally:
            await asyncio.wait_for(process.wait(), 60)
            process._transport.close()  # type: ignore[attr-defined]  # asyncio gives no other way to be done with it
            self.events.append("ended")

    async def delete(self) -> None:
        self.events.append("delete")


class FolderProvider:
    """Makes them; what goes wrong is set by the test."""

    name: Literal["e2b"] = "e2b"
    networks: tuple[Literal["off", "hosts", "on"], ...] = ("off",)
    isolation = Isolation(provider="e2b", tier="folder", level=Level.NONE)

    def __init__(self, root: Path, *, is_single_use: bool = False) -> None:
        self.root = str(root)
        self.is_single_use = is_single_use
        self.machines: list[FolderMachine] = []
        self.events: list[str] = []
        self.problem: str | None = None
        self.failures: list[Exception] = []
        self.left_count = 0
        self.checked_count = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.answering = asyncio.Event()
        self.answering.set()
        self.sweeping = asyncio.Event()
        self.sweeping.set()

    async def check(self) -> str | None:
        self.checked_count += 1
        await self.answering.wait()
        return self.problem

    def refusal(self, network: Network) -> str | None:
        return None if network == "off" else "no network here"

    async def prepare(self, bundle: Bundle, provision: Provision) -> None:
        self.events.append("prepare")

    async def create(self, order: Order, provision: Provision) -> Machine:
        self.events.append("create")
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop()
        machine = FolderMachine(Path(self.root), self.events)
        await provision(machine)
        self.machines.append(machine)
        return machine

    async def sweep(self) -> int:
        self.events.append("sweep")
        await self.sweeping.wait()
        if self.left_count < 0:
            raise ProviderFailed("no list")
        return self.left_count

    async def close(self) -> None:
        self.events.append("close")


async def until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    """Wait for what no event tells of."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  it happens in another process
            await asyncio.sleep(0.01)


def process_ids(marker: str) -> list[int]:
    """The processes of this machine whose command line holds `marker`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found
