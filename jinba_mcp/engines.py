"""The part of the composition root that names engines; imported with the first, since most commands run no code."""

from collections.abc import Callable, Mapping
from functools import partial

from jinba_mcp.domain.errors import Invalid, SandboxUnavailable
from jinba_mcp.sandbox.egress.proxy import Proxy
from jinba_mcp.sandbox.engine import Engine
from jinba_mcp.sandbox.local import bwrap, zygotes
from jinba_mcp.sandbox.local.deno import Deno, installed
from jinba_mcp.sandbox.local.engine import LocalEngine
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.packages.facade import Packages
from jinba_mcp.sandbox.pool import Sizes
from jinba_mcp.sandbox.remote.daytona import DaytonaProvider
from jinba_mcp.sandbox.remote.docker import DockerProvider
from jinba_mcp.sandbox.remote.e2b import E2bProvider
from jinba_mcp.sandbox.remote.engine import RemoteEngine
from jinba_mcp.sandbox.remote.provider import Provider
from jinba_mcp.sandbox.wasm import components
from jinba_mcp.sandbox.wasm.engine import WasmEngine
from jinba_mcp.settings import Settings

PROVIDERS: Mapping[str, Callable[..., Provider]] = {
    "docker": DockerProvider,
    "e2b": E2bProvider,
    "daytona": DaytonaProvider,
}


def local(settings: Settings, packages: Packages, *, memory_bytes: int) -> Callable[[Tier], Engine]:
    """Makes the engine of a tier; `memory_bytes` is the most that any run may have.

    What it gives raises `SandboxUnavailable` for a tier that there is no engine for here.
    """
    egress = Proxy(private_hosts=settings.sandbox_private_hosts)
    sizes = Sizes(max_workers=settings.sandbox_workers, max_spares=settings.sandbox_spares)

    def make(tier: Tier) -> Engine:
        if tier is Tier.WASM:
            return _wasm(settings)
        return LocalEngine(
            settings.cache / "sandbox",
            tier=tier,
            start=bwrap.start if tier is Tier.BWRAP else partial(zygotes.start, memory_bytes=memory_bytes),
            packages=packages,
            typescript=_deno(),
            egress=egress,
            sizes=sizes,
        )

    return make


def remote(name: str, owner: str, settings: Settings) -> Engine:
    """The engine on a provider's machines, of which those are its own that bear the name of `owner`.

    Raises:
        Invalid: there is no such provider.
    """
    make = PROVIDERS.get(name)
    if make is None:
        raise Invalid(f"JINBA_SANDBOX_PROVIDERS: there is no provider '{name}'; there are: {', '.join(PROVIDERS)}.")
    return RemoteEngine(make(owner, **(_docker(settings) if name == "docker" else {})))


def _wasm(settings: Settings) -> Engine:
    absent = components.missing()
    if absent is not None:
        raise SandboxUnavailable(absent)
    return WasmEngine(settings.cache)


def _deno() -> Deno | None:
    try:
        return installed()
    except SandboxUnavailable:
        return None


def _docker(settings: Settings) -> dict[str, str]:
    wished = {
        "image": settings.docker_image,
        "runtime": settings.docker_runtime,
        "network": settings.docker_network,
    }
    return {name: value for name, value in wished.items() if value}
