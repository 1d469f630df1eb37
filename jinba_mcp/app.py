"""The composition root: settings to store, engines and core; `serving` puts the HTTP faces over them. No logic."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinba_mcp.clock import system_clock
from jinba_mcp.core import core
from jinba_mcp.core.core import Admission, Core
from jinba_mcp.core.limits import Limits
from jinba_mcp.core.users import SignUp
from jinba_mcp.domain.limits import Quota, Quotas
from jinba_mcp.domain.runs import Run
from jinba_mcp.outbound.mail import Security, SmtpSender, SmtpServer
from jinba_mcp.outbound.targets import Targets
from jinba_mcp.outbound.webhooks import HttpCourier
from jinba_mcp.settings import Settings
from jinba_mcp.storage.counters import Counters, MemoryCounters
from jinba_mcp.storage.store import Store
from jinba_mcp.workshop import working


@dataclass(frozen=True)
class App:
    """An open application: its core, and below it the store that the `db` commands tend."""

    settings: Settings
    store: Store
    core: Core


@asynccontextmanager
async def opened(
    settings: Settings, *, observe: Callable[[Run], None] = lambda _: None, is_server: bool = False
) -> AsyncIterator[App]:
    """Open store and engines, as they are: nothing is migrated or loaded. Closes both at the end.

    Raises:
        Unavailable: the database cannot be opened.
        Invalid: a setting of the limits cannot be used.
    """
    limits = _limits(settings)
    store = await Store.open(settings.database, beacon=settings.data_dir.expanduser().absolute() / "changes")
    try:
        async with working(settings, is_server=is_server) as workshop:
            built = core.build(
                store,
                system_clock,
                workshop,
                observe=observe,
                admission=_admission(settings),
                courier=HttpCourier(Targets(settings.webhook_private_hosts)),
                limits=limits,
            )
            yield App(settings, store, built)
    finally:
        await limits.close()
        await store.close()


def _limits(settings: Settings) -> Limits:
    quotas = Quotas(
        key=_quota(settings, "key_requests", "key_runs"),
        organization=_quota(settings, "organization_requests", "organization_runs"),
        tool=_quota(settings, "tool_runs", "tool_runs"),
        address=Quota(per_minute=settings.address_requests_per_minute or None),
    )
    return Limits(_counters(settings), quotas, fails_open=settings.limits_fail == "open")


def _quota(settings: Settings, counted: str, in_flight: str) -> Quota:
    return Quota(
        per_minute=getattr(settings, f"{counted}_per_minute") or None,
        per_day=getattr(settings, f"{counted}_per_day") or None,
        at_once=getattr(settings, f"{in_flight}_at_once") or None,
    )


def _counters(settings: Settings) -> Counters:
    url = "" if settings.limits_url is None else settings.limits_url.get_secret_value()
    if not url:
        return MemoryCounters(system_clock)
    from jinba_mcp.storage.redis_counters import RedisCounters  # noqa: PLC0415  a quarter of a second, for few

    return RedisCounters(url)


def _admission(settings: Settings) -> Admission:
    sender = None
    if settings.smtp_host is not None:
        server = SmtpServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.smtp_from,
            security=Security(settings.smtp_security),
            user=settings.smtp_user,
            password=settings.smtp_password,
        )
        sender = SmtpSender(server)
    base_url = (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
    return Admission(sign_up=SignUp(settings.sign_up), sender=sender, base_url=base_url)


def toolsets_roots(settings: Settings) -> tuple[Path, ...]:
    """The folders to load at boot: the operator's, or those that we ship."""
    if not settings.load_toolsets:
        return ()
    return settings.toolsets_dirs or (shipped_toolsets(),)


def shipped_toolsets() -> Path:
    """Where the shipped ToolSets lie: inside an installed package, beside it in a checkout."""
    package = Path(str(resources.files("jinba_mcp")))
    installed = package / "shipped_toolsets"
    return installed if installed.is_dir() else package.parent / "toolsets"
