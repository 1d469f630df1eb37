"""E2B: a cloud sandbox (a microVM) for each bundle and organization, a fresh interpreter in it for each run."""

import asyncio
import contextlib
import importlib
import logging
import math
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.engine import Bundle
from jinba_mcp.sandbox.remote import payload
from jinba_mcp.sandbox.remote.provider import OWNER_LABEL, Machine, MachineGone, Order, ProviderFailed, Provision

logger = logging.getLogger(__name__)

MAX_CHUNK_BYTES = 512 * 1024
"""Of one message to a process; the service takes a few MiB."""
ALL_ADDRESSES = "0.0.0.0/0"
PRIVATE_ADDRESSES = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
]
_CREATE_TIMEOUT_S = 120.0
_REQUEST_TIMEOUT_S = 30.0
_END_TIMEOUT_S = 10.0


class E2bProvider:
    """Sandboxes of an E2B account."""

    name: Literal["e2b"] = "e2b"
    networks: tuple[Literal["off", "hosts", "on"], ...] = ("off", "hosts", "on")
    is_single_use = False
    isolation = Isolation(
        provider="e2b",
        tier="microvm",
        level=Level.STRONG,
        # Between runs of one bundle and organization; another's are on another machine.
        weaker=("shared-files", "shared-processes", "process-count", "tmp-quota", "dns"),
    )

    def __init__(
        self,
        owner: str,
        *,
        api_key: str | None = None,
        template: str | None = None,
        idle_s: float = 600.0,
        root: str = "/opt/jinba",
        **connection: Any,
    ) -> None:
        """`owner` names this server; sandboxes that carry it are removed at start, so no two servers share one.

        `template` must have Python 3.11 or newer with pip; the account's default one otherwise. A sandbox that is not
        used for `idle_s` and a run's time is ended by E2B itself. `connection` is handed to the SDK (`domain`, …).
        """
        self.root = root
        self._owner = owner
        self._template = template
        self._idle_s = idle_s
        self._connection: dict[str, Any] = {"api_key": api_key, "request_timeout": _REQUEST_TIMEOUT_S, **connection}

    async def check(self) -> str | None:
        """Asks for the account's sandboxes, which needs a good key."""
        try:
            with _translated():
                await self._left()
        except ImportError:
            return "E2B's SDK is not installed. Run: pip install 'jinba-mcp[e2b]'"
        except ProviderFailed as failure:
            return f"E2B cannot be used ({failure}). Look at the API key and the connection."
        return None

    def refusal(self, network: Network) -> str | None:
        if isinstance(network, tuple) and any(":" in host for host in network):
            return "The e2b sandbox cannot keep to ports. Leave them out of sandbox.network."
        return None

    async def prepare(self, bundle: Bundle, provision: Provision) -> None:
        """Nothing: what there is to do is done on each sandbox."""

    async def create(self, order: Order, provision: Provision) -> Machine:
        """A sandbox whose network is open until its packages are there, and no code of a tool has run."""
        with _translated():
            sandbox = await _sdk().AsyncSandbox.create(
                template=self._template,
                timeout=math.ceil(self._idle_s + _CREATE_TIMEOUT_S),
                metadata={OWNER_LABEL: self._owner},
                network={"allow_public_traffic": False},
                **self._connection,
            )
        machine = E2bMachine(sandbox, self.root, self._idle_s)
        try:
            await provision(machine)
            with _translated():
                await sandbox.update_network(_egress(order.bundle.network))
        except BaseException:
            await asyncio.shield(machine.delete())
            raise
        return machine

    async def sweep(self) -> int:
        with _translated():
            left = await self._left()
            for info in left:
                await _sdk().AsyncSandbox.kill(info.sandbox_id, **self._connection)
        return len(left)

    async def close(self) -> None:
        """Nothing: the SDK keeps its connections itself."""

    async def _left(self) -> list[Any]:
        query = _sdk().SandboxQuery(metadata={OWNER_LABEL: self._owner})
        pages = _sdk().AsyncSandbox.list(query=query, **self._connection)
        found: list[Any] = []
        while pages.has_next:
            found += await pages.next_items()
        return found


class E2bMachine:
    """One sandbox."""

    def __init__(self, sandbox: Any, root: str, idle_s: float) -> None:
        self._sandbox = sandbox
        self._root = root
        self._idle_s = idle_s
        self._ends_at = 0.0

    async def upload(self, path: str, content: bytes) -> None:
        with _translated():
            await self._sandbox.files.write(path, content, user="root")

    async def execute(self, command: Sequence[str], timeout_s: float) -> tuple[int, str]:
        with _translated():
            try:
                result = await self._sandbox.commands.run(shlex.join(command), user="root", timeout=timeout_s)
            except _sdk().CommandExitException as failed:
                result = failed
            return result.exit_code, result.stdout + result.stderr

    async def call(self, request: bytes, receive: Callable[[bytes], None], timeout_s: float) -> None:
        def hand_over(text: str) -> None:
            receive(text.encode())

        with _translated():
            await self._live_on(timeout_s)
            handle = await self._sandbox.commands.run(
                shlex.join(payload.run_command(self._root)),
                background=True,
                stdin=True,
                timeout=timeout_s,
                on_stdout=hand_over,
                retain_output=False,
            )
        try:
            with contextlib.suppress(ProviderFailed, MachineGone), _translated():
                for start in range(0, len(request), MAX_CHUNK_BYTES):
                    await handle.send_stdin(request[start : start + MAX_CHUNK_BYTES])
                with contextlib.suppress(_sdk().CommandExitException):
                    await handle.wait()
        except BaseException:
            await asyncio.shield(_ended(handle))
            raise

    async def delete(self) -> None:
        with _translated(), contextlib.suppress(MachineGone):
            await self._sandbox.kill()

    async def _live_on(self, timeout_s: float) -> None:
        """Put off the end that E2B gives each sandbox, not more often than needed."""
        wanted = time.monotonic() + timeout_s
        if self._ends_at < wanted:
            await self._sandbox.set_timeout(math.ceil(self._idle_s + timeout_s))
            self._ends_at = wanted + self._idle_s / 2


async def _ended(handle: Any) -> None:
    """End the tool with all it started, then the runner if it does not go by itself."""
    with contextlib.suppress(ProviderFailed, MachineGone, TimeoutError), _translated():
        async with asyncio.timeout(_END_TIMEOUT_S):
            with contextlib.suppress(_sdk().SandboxException):
                await handle.send_stdin("stop\n")
            await handle.kill()


def _egress(network: Network) -> dict[str, Any]:
    if network == "off":
        return {"allow_internet_access": False, "deny_out": [ALL_ADDRESSES]}
    if network == "on":
        return {"deny_out": PRIVATE_ADDRESSES}
    return {"allow_out": list(network), "deny_out": [ALL_ADDRESSES]}


def _sdk() -> Any:
    """The SDK, an optional extra."""
    return importlib.import_module("e2b")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The SDK's errors as ours; what the service said goes to the log, since it may name hosts."""
    try:
        yield
    except (ImportError, ProviderFailed, MachineGone, TimeoutError):
        raise
    except Exception as error:  # the SDK's own have no common root, and a few are Exception itself
        if isinstance(error, (_sdk().SandboxNotFoundException, _sdk().SandboxNotRunningException)):
            raise MachineGone from error
        logger.warning("E2B failed", extra={"event": "sandbox.e2b", "reason": str(error)[:500]})
        raise ProviderFailed(f"E2B answered with {type(error).__name__}") from error
