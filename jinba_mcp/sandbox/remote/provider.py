"""The seam to a provider of machines; each file beside this one that names an SDK fills it in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from jinba_mcp.domain.isolation import Isolation
from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.engine import Bundle, Limits

OWNER_LABEL = "jinba-mcp.owner"
"""What every machine is marked with: whose it is, so that what a crash leaves behind is found again."""


class MachineGone(Exception):
    """The machine is not there any more, and nothing of the call was started on it."""


class ProviderFailed(Exception):
    """The provider answered with an error, or not at all. Its text may go into an answer: it names no secrets."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which machine is wanted; the limits matter to providers that hold them for the machine."""

    bundle: Bundle
    limits: Limits


class Machine(Protocol):
    """A container or a cloud sandbox."""

    async def upload(self, path: str, content: bytes) -> None:
        """Put a file there, with its folders; as the machine's administrator."""
        ...

    async def execute(self, command: Sequence[str], timeout_s: float) -> tuple[int, str]:
        """Run a command of ours as the machine's administrator; its exit code and what it printed."""
        ...

    async def call(self, request: bytes, receive: Callable[[bytes], None], timeout_s: float) -> None:
        """Start the runner as an ordinary user, hand it the request, and pass on what it writes, until it ends.

        Returns as well when the connection breaks off on the way. When cancelled, the runner and all it started are
        ended first.

        Raises:
            MachineGone, ProviderFailed: nothing was started.
        """
        ...

    async def delete(self) -> None:
        """Remove it, whatever is still running on it; no error if it is gone."""
        ...


Provision: TypeAlias = Callable[[Machine], Awaitable[None]]
"""Installs a bundle's packages and the runner on a fresh machine."""


class Provider(Protocol):
    """Makes machines. Every method but `refusal` may raise `ProviderFailed`."""

    isolation: Isolation
    networks: tuple[Literal["off", "hosts", "on"], ...]
    is_single_use: bool
    """One machine per run; else a machine serves all runs of one bundle and one organization."""
    root: str
    """The folder on the machine that the runner and the packages are put into."""

    @property
    def name(self) -> Literal["docker", "e2b", "daytona"]:
        """What ToolSets call it in `sandbox.provider`."""
        ...

    async def check(self) -> str | None:
        """Why it cannot be used, and what to do about it; None if it can. Never raises."""
        ...

    def refusal(self, network: Network) -> str | None:
        """Why it cannot keep to this network policy; None if it can."""
        ...

    async def prepare(self, bundle: Bundle, provision: Provision) -> None:
        """Do beforehand, and once, what would otherwise be done for each machine."""
        ...

    async def create(self, order: Order, provision: Provision) -> Machine:
        """A machine that is provisioned, and has no more of a network than the bundle asks for."""
        ...

    async def sweep(self) -> int:
        """Remove the machines that an earlier process with the same owner left; how many there were."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
