"""The part of the composition root that makes what tools are run with: packages, secret keys, limits; see `engines`."""

import hashlib
import os
import platform
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from functools import cache
from itertools import count

from jinba_mcp.core.allowance import Allowance
from jinba_mcp.core.core import Workshop
from jinba_mcp.core.engines import Engines
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.domain.keeping import Keeper, Keeping
from jinba_mcp.domain.sandboxes import INPROCESS, LOCAL
from jinba_mcp.sandbox.engine import Engine, Limits
from jinba_mcp.sandbox.inprocess import InProcessEngine
from jinba_mcp.sandbox.local.chosen import ChosenEngine
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.packages.facade import Packages
from jinba_mcp.sandbox.packages.leases import Hold
from jinba_mcp.settings import Settings

_MB = 1024 * 1024


@asynccontextmanager
async def working(settings: Settings, *, is_server: bool) -> AsyncIterator[Workshop]:
    """Engines that are ready to be asked; they start nothing before that. Closed at the end.

    What a server leaves on remote machines in a crash, the next one removes; a command has none to remove.

    Raises:
        Invalid: a setting names what there is not.
    """
    with _owner(settings, is_server=is_server) as owner:
        async with _working(settings, owner) as workshop:
            yield workshop


@asynccontextmanager
async def _working(settings: Settings, owner: str) -> AsyncIterator[Workshop]:
    packages = Packages(settings.cache / "packages", allow_builds=settings.allow_builds)
    remote = {name: _remote(name, owner, settings) for name in settings.sandbox_providers}
    keyring = Keyring(settings.data_dir.expanduser().absolute() / "secret.key", settings.secret_keys)
    keeper = Keeper(_keeping(settings))
    # Last, because it takes the standard streams, and whatever fails before must not keep them.
    in_process = InProcessEngine(max_threads=settings.inprocess_threads)
    engines = Engines({INPROCESS: in_process, LOCAL: _local(settings, packages), **remote})
    try:
        yield Workshop(engines, packages, keyring, _allowance(settings), keeper)
    finally:
        await engines.close()
        await packages.close()


def _local(settings: Settings, packages: Packages) -> Engine:
    # What any run may have; code is described with the least of these.
    memory_bytes = max(_allowance(settings).ceilings.memory_bytes, Limits().memory_bytes)

    @cache
    def maker() -> Callable[[Tier], Engine]:
        from jinba_mcp import engines  # noqa: PLC0415  takes long to import, for whoever runs code only

        return engines.local(settings, packages, memory_bytes=memory_bytes)

    def make(tier: Tier) -> Engine:
        return maker()(tier)

    return ChosenEngine(make, settings.sandbox, settings.sandbox_min)


@contextmanager
def _owner(settings: Settings, *, is_server: bool) -> Iterator[str]:
    """A name that this process has to itself, and that after a server of this place another one of it has."""
    if not is_server or not settings.sandbox_providers:
        yield _named(settings, f"process {os.getpid()}")
        return
    folder = settings.cache / "servers"
    folder.mkdir(parents=True, exist_ok=True)
    for number in count():
        # A server has several processes, for a while two of one worker, and each removes what bears its name.
        owner = _named(settings, f"server {number}")
        if (hold := Hold.alone(folder / f"{owner}.lock")) is not None:
            with hold:
                yield owner
            return


def _named(settings: Settings, process: str) -> str:
    place = (platform.node(), settings.data_dir.expanduser().absolute(), settings.host, settings.port)
    return hashlib.sha256(f"{place} {process}".encode()).hexdigest()[:16]


def _remote(name: str, owner: str, settings: Settings) -> Engine:
    from jinba_mcp import engines  # noqa: PLC0415  as above

    return engines.remote(name, owner, settings)


def _keeping(settings: Settings) -> Keeping:
    days, count = settings.run_retention_days, settings.run_retention_count
    return Keeping(
        input_bytes=settings.stored_input_bytes,
        output_bytes=settings.stored_output_bytes,
        log_bytes=settings.stored_log_bytes,
        patterns=settings.redact_patterns,
        max_age=timedelta(days=days) if days else None,
        max_count=count or None,
    )


def _allowance(settings: Settings) -> Allowance:
    defaults = Limits(
        timeout_s=settings.run_timeout_s,
        cpu_s=settings.run_timeout_s,
        memory_bytes=settings.run_memory_mb * _MB,
        output_bytes=settings.run_output_bytes,
        log_bytes=settings.run_log_bytes,
    )
    ceilings = Limits(
        timeout_s=settings.max_timeout_s,
        cpu_s=settings.max_timeout_s,
        memory_bytes=settings.max_memory_mb * _MB,
        process_count=128,
        tmp_bytes=settings.max_tmp_mb * _MB,
        output_bytes=64 * _MB,
        log_bytes=16 * _MB,
    )
    return Allowance(defaults=defaults, ceilings=ceilings)
