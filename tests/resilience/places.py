"""Where real servers live: a data directory, folders of tools, a database, and the processes that share them."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.resilience.doors import ORGANIZATION, headers_of
from tests.resilience.wire import Answer, Connection, connected, request

PROGRAM = str(Path(sys.executable).with_name("jinba-mcp"))
BOOT_S = 120
STOP_S = 60
COMMAND_S = 120


@dataclass(frozen=True)
class Server:
    """A running `jinba-mcp serve` and a key for it that may do everything."""

    process: subprocess.Popen[str]
    port: int
    key: str
    log: Path

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        self.process.wait(STOP_S)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def logged(self, *, since: int = 0) -> str:
        """Its standard error so far, without the first `since` bytes."""
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def get(self, target: str) -> bytes:
        """The request that reads something."""
        return request("GET", target, headers_of(self.key))

    async def ask(self, target: str) -> Answer:
        """Read something over a connection of its own."""
        async with connected(self.port) as connection:
            return await connection.ask(self.get(target))

    async def run(self, run_id: str) -> dict[str, Any]:
        """The record of a run."""
        answer = await self.ask(f"{ORGANIZATION}/runs/{run_id}")
        assert answer.status == 200, answer
        record: dict[str, Any] = answer.json
        return record

    async def ended(self, run_id: str) -> dict[str, Any]:
        """The record of a run once it has ended, for which the caller sets the deadline."""
        while (record := await self.run(run_id))["status"] == "running":
            pass
        return record

    async def runs(self, **filters: str) -> dict[str, dict[str, Any]]:
        """Every recorded run by its id."""
        found: dict[str, dict[str, Any]] = {}
        async with connected(self.port) as connection:
            async for record in _pages(connection, self, "".join(f"&{name}={is_}" for name, is_ in filters.items())):
                assert record["id"] not in found
                found[record["id"]] = record
        return found


async def _pages(connection: Connection, server: Server, query: str) -> AsyncIterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = (await connection.ask(server.get(f"{ORGANIZATION}/runs?limit=200{query}{cursor}"))).json
        for record in page["data"]:
            yield record
        if page["nextCursor"] is None:
            return
        cursor = f"&cursor={page['nextCursor']}"


@dataclass
class Place:
    """A data directory and folders of tools; every server started here knows them, one after the other or at once."""

    folder: Path
    database_url: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    _key: str | None = None
    _booted: int = 0

    @property
    def toolsets(self) -> Path:
        return self.folder / "toolsets"

    @property
    def database(self) -> str:
        """The URL of the database that servers here use."""
        return self.database_url or f"sqlite:///{self.folder / 'data' / 'jinba.db'}"

    @property
    def environment(self) -> dict[str, str]:
        """Of servers and commands."""
        own = {"JINBA_DATA_DIR": str(self.folder / "data"), "JINBA_TOOLSETS_DIRS": str(self.toolsets)}
        # Whoever runs the tests may be logged in to a server of theirs.
        own["XDG_CONFIG_HOME"] = str(self.folder / "config")
        if self.database_url is not None:
            own["JINBA_DATABASE_URL"] = self.database_url
        return os.environ | own | dict(self.settings)

    @contextmanager
    def serving(self) -> Iterator[Server]:
        """A server that is ready; it is killed at the end of the block, if it still lives."""
        self._booted += 1
        log = self.folder / f"server-{self._booted}.log"
        with (
            log.open("wb") as errors,
            subprocess.Popen(
                [PROGRAM, "serve", "--port", "0", "--json"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            try:
                assert process.stdout is not None
                assert select.select([process.stdout], [], [], BOOT_S)[0], "not ready in time"
                line = process.stdout.readline()
                assert line, log.read_text()
                ready = json.loads(line)
                self._key = ready["firstKey"] or self._key
                assert self._key is not None
                yield Server(process, int(ready["url"].rpartition(":")[2]), self._key, log)
            finally:
                process.kill()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [PROGRAM, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
