"""The seam between the core and whatever runs tool code."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Protocol

from pydantic import Field, JsonValue

from jinba_mcp.domain.env import NO_ENV, Env
from jinba_mcp.domain.isolation import Isolation
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject, Record
from jinba_mcp.domain.runs import NO_LOGS, RunError, RunLogs
from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.domain.tools import Language


class Bundle(Record):
    """What all tools of one version share. `digest` identifies it, so an engine may keep what it prepared for ever."""

    digest: str
    toolset: str
    language: Language
    lock: Lock | None = None
    network: Network = "off"
    mode: Literal["one_shot", "reuse"] = "one_shot"
    prewarm: Literal["tool", "packages", "off"] = "tool"


class Program(Record):
    """One tool's code."""

    bundle: Bundle
    tool: str
    entrypoint: str
    code: str

    @property
    def shown(self) -> str:
        """What authors call the file, as it stands in tracebacks."""
        return f"{self.bundle.toolset}/{self.tool}/main.{'py' if self.bundle.language == 'python' else 'ts'}"


class Limits(Record):
    """What one run may use; going over one is an outcome that names it."""

    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    cpu_s: Annotated[float, Field(gt=0)] = 30.0
    memory_bytes: Annotated[int, Field(gt=0)] = 512 * 1024 * 1024
    process_count: Annotated[int, Field(gt=0)] = 32
    tmp_bytes: Annotated[int, Field(gt=0)] = 64 * 1024 * 1024
    output_bytes: int = 4 * 1024 * 1024
    log_bytes: int = 256 * 1024
    """Of standard output and standard error each; what is over is cut and marked."""


@dataclass(frozen=True, slots=True)
class Setup:
    """All that is fixed before the arguments are known; a process armed for one setup serves any call of an equal one.

    `tenant` is the organization that calls: processes that are used again are never shared between two.
    """

    program: Program
    limits: Limits
    env: Env = NO_ENV
    tenant: str = ""


class OutcomeStatus(StrEnum):
    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. On success `output` is plain JSON, and `content` the MCP blocks if the tool built some.

    A limit that was hit is the name of the error: `Timeout`, `CpuLimit`, `MemoryLimit`, `ProcessLimit`, `TmpLimit`,
    `OutputLimit`. `WorkerDied` is a process that ended by itself; `ProtocolError`, one that answered with nonsense.
    """

    status: OutcomeStatus
    output: JsonValue = None
    content: tuple[JsonObject, ...] | None = None
    error: RunError | None = None
    logs: RunLogs = NO_LOGS
    isolation: Isolation | None = None


class Signature(Record):
    """What code says of itself: schemas in JSON Schema 2020-12, and its docstring."""

    input_schema: JsonObject
    output_schema: JsonObject | None
    description: str


class Capabilities(Record):
    """What an engine can do here; `problem` says why it can run nothing, and what would change that."""

    languages: tuple[Language, ...]
    isolation: Isolation
    has_packages: bool = False
    networks: tuple[Literal["off", "hosts", "on"], ...] = ("off",)
    has_reuse: bool = False
    problem: str | None = None


class Engine(Protocol):
    """Runs programs. Implementations are safe for many concurrent calls on one event loop."""

    name: str

    async def capabilities(self) -> Capabilities:
        """What this engine can do on this machine, found out by trying; the answer is kept."""
        ...

    async def prepare(self, bundle: Bundle, report: Reporter | None = None) -> None:
        """Make everything but the calls ready: build the packages, start what tools are started from. Repeatable.

        Raises:
            SandboxUnavailable: this engine cannot run it.
            EnvironmentFailed: its packages cannot be installed (now).
        """
        ...

    async def describe(self, program: Program, limits: Limits) -> Signature:
        """Load the code, inside the sandbox, and read its schemas.

        Raises:
            ToolCodeInvalid: it does not load, has no such entrypoint, or its types have no schema.
            SandboxUnavailable, EnvironmentFailed: as in `prepare`.
        """
        ...

    async def arm(self, setup: Setup) -> None:
        """A call of this setup may come soon: have a process ready for it, if there is room. Never fails."""
        ...

    async def run(self, setup: Setup, arguments: JsonObject, report: Reporter | None = None) -> Outcome:
        """Run once. A fault of the tool is an outcome, never an exception; cancellation passes through.

        Raises:
            LimitExceeded: no room for another run now.
            SandboxUnavailable, EnvironmentFailed: as in `prepare`.
        """
        ...

    async def discard(self, digest: str) -> None:
        """Let go of what was prepared and armed for a bundle, with the secrets in it; runs in flight go on."""
        ...

    async def close(self) -> None:
        """End everything that is still running, within a few seconds."""
        ...


class Resolver(Protocol):
    """Finds out what a list of packages comes to."""

    async def resolve(self, language: Language, packages: tuple[Package, ...], report: Reporter | None = None) -> Lock:
        """The versions and hashes of the packages and of all that they need.

        Raises:
            PackagesUnresolvable: they cannot be had together, or one does not exist; the message names it.
            EnvironmentFailed: the package index cannot be reached.
        """
        ...
