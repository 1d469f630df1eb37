"""Daytona: a cloud sandbox for each bundle and organization, a fresh interpreter in it for each run."""

import asyncio
import contextlib
import importlib
import logging
import math
import shlex
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.engine import Bundle
from jinba_mcp.sandbox.remote import payload
from jinba_mcp.sandbox.remote.provider import OWNER_LABEL, Machine, MachineGone, Order, ProviderFailed, Provision

logger = logging.getLogger(__name__)

MAX_CHUNK_CHARS = 512 * 1024
_CREATE_TIMEOUT_S = 120.0
_REQUEST_TIMEOUT_S = 30.0
_END_TIMEOUT_S = 10.0
_LONGEST_RUN_S = 900.0


class DaytonaProvider:
    """Sandboxes of a Daytona organization."""

    name: Literal["daytona"] = "daytona"
    networks: tuple[Literal["off", "hosts", "on"], ...] = ("off", "hosts")
    is_single_use = False
    isolation = Isolation(
        provider="daytona",
        tier="container",
        level=Level.STRONG,
        # Between runs of one bundle and organization; another's are in another sandbox.
        weaker=("shared-files", "shared-processes", "process-count", "tmp-quota"),
    )

    def __init__(
        self,
        owner: str,
        *,
        api_key: str | None = None,
        snapshot: str | None = None,
        idle_s: float = 600.0,
        root: str = "/tmp/jinba",  # noqa: S108  in the sandbox, where its user may write whoever that is
        **connection: Any,
    ) -> None:
        """`owner` names this server; sandboxes that carry it are removed at start, so no two servers share one.

        `snapshot` must have Python 3.11 or newer with pip; the organization's default one otherwise. A sandbox that is
        not used for `idle_s` and the longest run is ended by Daytona itself. `connection` goes to the SDK's
        configuration (`api_url`, `target`, …).
        """
        self.root = root
        self._owner = owner
        self._snapshot = snapshot
        self._idle_s = idle_s
        self._connection = {"api_key": api_key, **connection}
        self._kept_client: Any = None

    async def check(self) -> str | None:
        """Asks for the organization's sandboxes, which needs a good key."""
        try:
            with _translated():
                await self._left()
        except ImportError:
            return "Daytona's SDK is not installed. Run: pip install 'jinba-mcp[daytona]'"
        except ProviderFailed as failure:
            return f"Daytona cannot be used ({failure}). Look at the API key and the connection."
        return None

    def refusal(self, network: Network) -> str | None:
        if network == "on":
            return "The daytona sandbox cannot keep private addresses out of reach. List hosts in sandbox.network."
        if isinstance(network, tuple) and any(":" in host or "*" in host for host in network):
            return "The daytona sandbox keeps to plain host names only. Leave ports and wildcards out."
        return None

    async def prepare(self, bundle: Bundle, provision: Provision) -> None:
        """Nothing: what there is to do is done on each sandbox."""

    async def create(self, order: Order, provision: Provision) -> Machine:
        """A sandbox whose network is open until its packages are there, and no code of a tool has run."""
        with _translated():
            sandbox = await self._client().create(
                _sdk().CreateSandboxFromSnapshotParams(
                    snapshot=self._snapshot,
                    language="python",
                    labels={OWNER_LABEL: self._owner},
                    ephemeral=True,
                    auto_stop_interval=math.ceil((self._idle_s + _LONGEST_RUN_S) / 60),
                ),
                timeout=_CREATE_TIMEOUT_S,
            )
        machine = DaytonaMachine(sandbox, self.root)
        try:
            await provision(machine)
            with _translated():
                await sandbox.update_network_settings(**_egress(order.bundle.network))
        except BaseException:
            await asyncio.shield(machine.delete())
            raise
        return machine

    async def sweep(self) -> int:
        with _translated():
            left = await self._left()
            for sandbox in left:
                await sandbox.delete(timeout=_REQUEST_TIMEOUT_S)
        return len(left)

    async def close(self) -> None:
        if self._kept_client is not None:
            with _translated():
                await self._kept_client.close()

    async def _left(self) -> list[Any]:
        query = _sdk().ListSandboxesQuery(labels={OWNER_LABEL: self._owner})
        return [sandbox async for sandbox in self._client().list(query, request_timeout=_REQUEST_TIMEOUT_S)]

    def _client(self) -> Any:
        if self._kept_client is None:
            self._kept_client = _sdk().AsyncDaytona(_sdk().DaytonaConfig(otel_enabled=False, **self._connection))
        return self._kept_client


class DaytonaMachine:
    """One sandbox."""

    def __init__(self, sandbox: Any, root: str) -> None:
        self._sandbox = sandbox
        self._root = root

    async def upload(self, path: str, content: bytes) -> None:
        with _translated():
            await self._sandbox.fs.upload_file(content, path, timeout=int(_CREATE_TIMEOUT_S))

    async def execute(self, command: Sequence[str], timeout_s: float) -> tuple[int, str]:
        # This call gives standard output only.
        line = f"{shlex.join(command)} 2>&1"
        with _translated():
            result = await self._sandbox.process.exec(line, timeout=math.ceil(timeout_s))
        return result.exit_code, result.result

    async def call(self, request: bytes, receive: Callable[[bytes], None], timeout_s: float) -> None:
        process = self._sandbox.process
        session = f"run-{uuid.uuid4().hex}"
        with _translated():
            await process.create_session(session, request_timeout=_REQUEST_TIMEOUT_S)
        try:
            with _translated():
                command = await self._started(session)
            with contextlib.suppress(ProviderFailed, MachineGone, TimeoutError), _translated():
                async with asyncio.timeout(timeout_s):
                    await self._converse(session, command, request.decode(), receive)
        finally:
            await asyncio.shield(_ended(process, session))

    async def delete(self) -> None:
        with _translated(), contextlib.suppress(MachineGone):
            await self._sandbox.delete(timeout=_REQUEST_TIMEOUT_S)

    async def _started(self, session: str) -> str:
        started = await self._sandbox.process.execute_session_command(
            session,
            _sdk().SessionExecuteRequest(
                command=shlex.join(payload.run_command(self._root)),
                run_async=True,
                # Or the request, with the secrets in it, would stand in the session's log.
                suppress_input_echo=True,
            ),
            timeout=math.ceil(_REQUEST_TIMEOUT_S),
        )
        return str(started.cmd_id)

    async def _converse(self, session: str, command: str, request: str, receive: Callable[[bytes], None]) -> None:
        def hand_over(text: str) -> None:
            receive(text.encode())

        process = self._sandbox.process
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(process.get_session_command_logs_async(session, command, hand_over, lambda _text: None))
            for start in range(0, len(request), MAX_CHUNK_CHARS):
                chunk = request[start : start + MAX_CHUNK_CHARS]
                await process.send_session_command_input(session, command, chunk, _REQUEST_TIMEOUT_S)


async def _ended(process: Any, session: str) -> None:
    """Deleting a session ends what runs in it."""
    with contextlib.suppress(ProviderFailed, MachineGone, TimeoutError), _translated():
        async with asyncio.timeout(_END_TIMEOUT_S):
            await process.delete_session(session, request_timeout=_REQUEST_TIMEOUT_S)


def _egress(network: Network) -> dict[str, Any]:
    return {"network_block_all": True} if network == "off" else {"domain_allow_list": ",".join(network)}


def _sdk() -> Any:
    """The SDK, an optional extra."""
    return importlib.import_module("daytona")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The SDK's errors as ours; what the service said goes to the log, since it may name hosts."""
    try:
        yield
    except (ImportError, ProviderFailed, MachineGone, TimeoutError):
        raise
    except Exception as error:  # the SDK lets those of its HTTP client through
        if isinstance(error, _sdk().DaytonaNotFoundError):
            raise MachineGone from error
        logger.warning("Daytona failed", extra={"event": "sandbox.daytona", "reason": str(error)[:500]})
        raise ProviderFailed(f"Daytona answered with {type(error).__name__}") from error
