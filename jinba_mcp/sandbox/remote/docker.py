"""Docker: a fresh container for each run, from an image with the bundle's packages."""

import asyncio
import contextlib
import functools
import hashlib
import importlib
import io
import logging
import socket
import struct
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any, Literal, TypeVar

from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.engine import Bundle, Limits
from jinba_mcp.sandbox.remote import payload
from jinba_mcp.sandbox.remote.provider import OWNER_LABEL, Machine, MachineGone, Order, ProviderFailed, Provision

logger = logging.getLogger(__name__)
R = TypeVar("R")

IMAGE_REPOSITORY = "jinba-mcp/environment"
OVERHEAD_BYTES = 96 * 1024 * 1024
"""The runner beside the tool, and what the limit of the tool itself does not count."""
OVERHEAD_PROCESSES = 8
NOBODY = "65534:65534"
BUILD_LIFE_S = 900
_REQUEST_TIMEOUT_S = 60
_MAX_THREADS = 64


class DockerProvider:
    """Containers of a Docker daemon, reached as the `docker` command reaches it (`DOCKER_HOST` and so on)."""

    name: Literal["docker"] = "docker"
    is_single_use = True

    def __init__(  # noqa: PLR0913  what an operator may choose
        self,
        owner: str,
        *,
        image: str = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim",
        runtime: str | None = None,
        network: str | None = None,
        cpu_count: float = 1.0,
        base_url: str | None = None,
        root: str = "/opt/jinba",
    ) -> None:
        """`owner` names this server; containers that carry it are removed at start, so no two servers share one.

        `runtime` is a Docker runtime such as `runsc` (gVisor). `network` is a Docker network that reaches public
        addresses and nothing else: Docker's own default network reaches private ones too, so without it ToolSets have
        no network here. Packages are installed in a container on the default network, where no tool runs.
        """
        self.root = root
        self.networks: tuple[Literal["off", "hosts", "on"], ...] = ("off", "on") if network else ("off",)
        weaker = () if runtime == "runsc" else ("wide-syscalls",)
        self.isolation = Isolation(provider="docker", tier=runtime or "runc", level=Level.STRONG, weaker=weaker)
        self._owner = owner
        self._image = image
        self._runtime = runtime
        self._network = network
        self._cpu_count = cpu_count
        self._base_url = base_url
        self._client: Any = None
        self._threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="docker")
        self._building: dict[str, asyncio.Lock] = {}
        self._built: set[str] = set()

    async def check(self) -> str | None:
        """Connects, which needs the daemon to answer."""
        try:
            await self._in_thread(self._connect)
        except ImportError:
            return "Docker's SDK is not installed. Run: pip install 'jinba-mcp[docker]'"
        except ProviderFailed as failure:
            return f"No Docker daemon answers ({failure}). Start Docker, or set DOCKER_HOST."
        return None

    def refusal(self, network: Network) -> str | None:
        if network == "off" or (network == "on" and self._network):
            return None
        if network == "on":
            return (
                "The docker sandbox of this server has no network. Set sandbox.provider to local; or the operator sets"
                " JINBA_DOCKER_NETWORK to one that reaches public addresses only."
            )
        return "The docker sandbox cannot keep to a list of hosts. Set sandbox.provider to local or e2b."

    async def prepare(self, bundle: Bundle, provision: Provision) -> None:
        """Build the image of a bundle, unless it is there: bundles with the same packages share one."""
        tag = self._tag(bundle)
        async with self._building.setdefault(tag, asyncio.Lock()):
            if tag not in self._built:
                await self._in_thread(self._connect)
                if not await self._in_thread(self._has_image, tag):
                    await self._build(tag, provision)
                self._built.add(tag)

    async def create(self, order: Order, provision: Provision) -> Machine:
        """A started container whose runner waits for its request."""
        await self.prepare(order.bundle, provision)
        tag = self._tag(order.bundle)
        try:
            return await self._in_thread(self._started, tag, order)
        except ProviderFailed:
            self._built.discard(tag)  # someone may have pruned the image
            raise

    async def sweep(self) -> int:
        return await self._in_thread(self._swept)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    def _connect(self) -> None:
        if self._client is not None:
            return
        sdk = _sdk()
        make = functools.partial(sdk.DockerClient, self._base_url) if self._base_url else sdk.from_env
        client = make(timeout=_REQUEST_TIMEOUT_S, version="auto")
        client.ping()
        self._client = client

    def _tag(self, bundle: Bundle) -> str:
        lock = bundle.lock.text if bundle.lock else ""
        parts = [self._image.encode(), lock.encode(), payload.archive()]
        key = hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
        return f"{IMAGE_REPOSITORY}:{key[:40]}"

    def _has_image(self, tag: str) -> bool:
        try:
            self._client.images.get(tag)
        except _sdk().errors.ImageNotFound:
            return False
        return True

    async def _build(self, tag: str, provision: Provision) -> None:
        machine = await self._in_thread(self._build_container)
        try:
            await provision(machine)
            repository, _, version = tag.partition(":")
            await self._in_thread(machine.container.commit, repository, version)
        finally:
            await machine.delete()

    def _build_container(self) -> "DockerMachine":
        if not self._has_image(self._image):
            self._client.images.pull(self._image)
        container = self._client.containers.create(
            self._image,
            entrypoint=["python3", "-I", "-c", f"import time; time.sleep({BUILD_LIFE_S})"],
            user="0:0",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            labels={OWNER_LABEL: self._owner},
            log_config={"type": "none"},
        )
        with _removed_on_failure(container):
            container.start()
        return DockerMachine(container, None, self._in_thread)

    def _started(self, tag: str, order: Order) -> "DockerMachine":
        container = self._client.containers.create(
            tag,
            # As the entrypoint, so that nothing of the image's own start comes in between.
            entrypoint=payload.run_command(self.root),
            **self._walls(order.limits),
            **self._reach(order.bundle.network),
        )
        with _removed_on_failure(container), contextlib.ExitStack() as attached:
            # Attached before it starts, so that not a byte is missed.
            stream = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            attached.callback(_close, stream)
            container.start()
            attached.pop_all()
        return DockerMachine(container, stream, self._in_thread)

    def _walls(self, limits: Limits) -> dict[str, Any]:
        memory_bytes = limits.memory_bytes + limits.tmp_bytes + OVERHEAD_BYTES
        return {
            "labels": {OWNER_LABEL: self._owner},
            "stdin_open": True,
            "user": NOBODY,
            "working_dir": "/tmp",  # noqa: S108  the container's own
            "read_only": True,
            # Owned, since runtimes give it the mode that /tmp has in the image.
            "tmpfs": {"/tmp": f"rw,nosuid,nodev,noexec,uid=65534,gid=65534,mode=1777,size={limits.tmp_bytes}"},  # noqa: S108  the same
            "shm_size": 1024 * 1024,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "mem_limit": memory_bytes,
            "memswap_limit": memory_bytes,
            "pids_limit": limits.process_count + OVERHEAD_PROCESSES,
            "nano_cpus": int(self._cpu_count * 1_000_000_000),
            "runtime": self._runtime,
            # What tools print and return must not lie in the daemon's log files.
            "log_config": {"type": "none"},
        }

    def _reach(self, network: Network) -> dict[str, Any]:
        return {"network_mode": "none"} if network == "off" else {"network": self._network}

    def _swept(self) -> int:
        left = self._client.containers.list(all=True, filters={"label": f"{OWNER_LABEL}={self._owner}"})
        for container in left:
            _remove(container)
        return len(left)

    async def _in_thread(self, call: Callable[..., R], *args: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _translated, call, *args)


class DockerMachine:
    """A container: for building an image, or (with a stream to its runner) for one run."""

    def __init__(self, container: Any, stream: Any, in_thread: Callable[..., Any]) -> None:
        self.container = container
        self._stream = stream
        self._connection = None if stream is None else _socket_of(stream)
        self._in_thread = in_thread
        self._is_read = False

    async def upload(self, path: str, content: bytes) -> None:
        await self._in_thread(self.container.put_archive, "/", _packed(path, content))

    async def execute(self, command: Sequence[str], timeout_s: float) -> tuple[int, str]:
        try:
            async with asyncio.timeout(timeout_s):
                result = await self._in_thread(self.container.exec_run, list(command))
        except TimeoutError as error:
            raise ProviderFailed(f"a command did not end in {timeout_s:g} s") from error
        return result.exit_code, result.output.decode(errors="replace")

    async def call(self, request: bytes, receive: Callable[[bytes], None], timeout_s: float) -> None:
        loop = asyncio.get_running_loop()

        def hand_over(data: bytes) -> None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(receive, data)

        self._is_read = True
        try:
            await self._in_thread(_converse, self._stream, request, hand_over, timeout_s)
        except asyncio.CancelledError:
            await asyncio.shield(self.delete())
            raise

    async def delete(self) -> None:
        if self._connection is not None:
            # Whoever reads is told and closes: to close under a reader's feet is unsafe.
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            if not self._is_read:
                _close(self._stream)
        await self._in_thread(_remove, self.container)


def _converse(stream: Any, request: bytes, receive: Callable[[bytes], None], timeout_s: float) -> None:
    """Write the request and read the answer, in a thread; ends when the container does, or the connection."""
    connection = _socket_of(stream)
    try:
        connection.settimeout(timeout_s)
        try:
            connection.sendall(request)
        except ConnectionError as error:
            raise MachineGone from error
        while (header := _exactly(connection, 8)) is not None:
            kind, size = struct.unpack(">BxxxL", header)
            data = _exactly(connection, size)
            if data is not None and kind == 1:
                receive(data)
    finally:
        _close(stream)


def _close(stream: Any) -> None:
    """Close the connection by way of the response that owns it."""
    response = getattr(stream, "_response", stream)
    response.close()


def _socket_of(stream: Any) -> socket.socket:
    """The SDK gives the raw reader for plain connections and the socket itself for TLS."""
    found: socket.socket = getattr(stream, "_sock", stream)
    return found


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    """The next bytes, or None at the end. The frames' sizes are the daemon's, which cuts them at 32 KiB."""
    data = bytearray()
    while len(data) < size:
        with contextlib.suppress(OSError):
            if chunk := connection.recv(size - len(data)):
                data += chunk
                continue
        return None
    return bytes(data)


def _packed(path: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        target = PurePosixPath(path.lstrip("/"))
        for parent in [*reversed(target.parents)][1:]:
            folder = tarfile.TarInfo(str(parent))
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        info = tarfile.TarInfo(str(target))
        info.size, info.mode = len(content), 0o644
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@contextlib.contextmanager
def _removed_on_failure(container: Any) -> Iterator[None]:
    """What was created is there even if it does not start, and nobody else knows of it."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(_sdk().errors.DockerException, OSError):
            _remove(container)
        raise


def _remove(container: Any) -> None:
    errors = _sdk().errors
    try:
        container.remove(force=True, v=True)
    except errors.NotFound:
        return
    except errors.APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:  # it is being removed already
            raise


def _sdk() -> Any:
    """The SDK, an optional extra."""
    return importlib.import_module("docker")


def _translated(call: Callable[..., R], *args: Any) -> R:
    """The SDK's errors as ours; what the daemon said goes to the log, since it may name hosts and paths."""
    try:
        return call(*args)
    except (_sdk().errors.DockerException, OSError) as error:
        logger.warning("Docker failed", extra={"event": "sandbox.docker", "reason": str(error)[:500]})
        raise ProviderFailed(f"Docker answered with {type(error).__name__}") from error
