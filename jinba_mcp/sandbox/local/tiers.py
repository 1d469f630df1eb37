"""The tiers of walls, best first: what each is announced as, what rules it out, what would change that, which is taken.

All of it follows from what was found on the machine; finding it out is `selftest`'s.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, TypeAlias

from pydantic import Field

from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.records import Record

PROVIDER = "local"


class Tier(StrEnum):
    NAMESPACES = "namespaces"
    """Own namespaces and file tree, system call filter, no capabilities."""
    BWRAP = "bwrap"
    """The same, made by bubblewrap where only it may."""
    LANDLOCK = "landlock"
    """Landlock and the system call filter, where nobody may make namespaces: ordinary containers."""
    WASM = "wasm"
    """CPython in a WebAssembly machine."""
    NONE = "none"
    """Nothing at all."""


Wanted: TypeAlias = Literal["auto", "namespaces", "bwrap", "landlock", "wasm", "unsafe"]
"""What JINBA_SANDBOX may say."""
Least: TypeAlias = Literal["strong", "contained", "wasm"]
"""What JINBA_SANDBOX_MIN may say."""

BEST_FIRST = (Tier.NAMESPACES, Tier.BWRAP, Tier.LANDLOCK, Tier.WASM)
_LEVELS = {
    Tier.NAMESPACES: Level.STRONG,
    Tier.BWRAP: Level.STRONG,
    Tier.LANDLOCK: Level.CONTAINED,
    Tier.WASM: Level.WASM,
    Tier.NONE: Level.NONE,
}
WEAKNESSES: Mapping[str, str] = {
    "everything": "the code may do all that the server may",
    "tmp-quota": "each file in /tmp is limited in size, but not all of them together",
    "path-metadata": "whether a path exists, its size and its times can be found out, though not what is in it",
    "network": "tools have no network, whatever their policy (Linux before 5.19, or Yama's ptrace_scope above 1)",
    "modes": "changing modes and times of files has no effect",
    "same-user": "runs belong to the server's own user, so one wall less stands between them",
    "process-count": "threads are not limited in number",
    "one-wall": "only the WebAssembly runtime stands between the code and what the server's user may do",
    "reduced-python": "tools have plain Python only: no packages, no pydantic, no threads, no TypeScript",
    "scopes": "signals and abstract sockets are kept in by the system call filter alone (Landlock before ABI 6)",
}
"""What each word in `Isolation.weaker` means."""

_ABI_WITH_TRUNCATE, _ABI_WITH_SCOPES = 3, 6


class Host(Record):
    """What the machine says of itself, as far as tiers depend on it."""

    system: str
    """As `platform.system()` names it."""
    is_root: bool
    landlock_abi: int = 0
    has_bwrap: bool = False
    has_broker: bool = False
    """Whether the server can make connections for those who have no network namespace; see `brokering.py`."""
    closed_python: str | None = None
    """The interpreter's folder, if it lies where only the server's user may look."""
    is_container: bool = False
    is_filtered: bool = False
    """Something has put a system call filter over the server itself."""
    sysctl: dict[str, str] = Field(default_factory=dict)
    """Those of `SYSCTLS` that there are."""


SYSCTLS = (
    "user.max_user_namespaces",
    "kernel.unprivileged_userns_clone",
    "kernel.apparmor_restrict_unprivileged_userns",
)


class Choice(Record):
    """The tier that runs are walled in with; with a `problem`, none is and nothing may run."""

    tier: Tier
    isolation: Isolation
    problem: str | None = None
    rejected: dict[Tier, str] = Field(default_factory=dict)
    """Better tiers that were tried, and why each is not taken."""


def isolation(tier: Tier, host: Host) -> Isolation:
    """What a tier is announced as on this machine."""
    return Isolation(provider=PROVIDER, tier=tier, level=_LEVELS[tier], weaker=tuple(_weaker(tier, host)))


def _weaker(tier: Tier, host: Host) -> list[str]:
    if tier is Tier.NONE:
        return ["everything"]
    if tier is Tier.WASM:
        return ["one-wall", "network", "reduced-python"]
    if tier is not Tier.LANDLOCK:
        return []
    words = ["tmp-quota", "path-metadata", "modes"]
    if not host.has_broker:
        words.append("network")
    if not host.is_root:
        words += ["same-user", "process-count"]
    if host.landlock_abi < _ABI_WITH_SCOPES:
        words.append("scopes")
    return words


def candidates(wanted: Wanted) -> tuple[Tier, ...]:
    """The tiers to try, in order."""
    if wanted == "unsafe":
        return ()
    return BEST_FIRST if wanted == "auto" else (Tier(wanted),)


def obstacle(tier: Tier, host: Host) -> str | None:
    """Why a tier need not be tried at all."""
    if tier is Tier.WASM:
        return None
    if host.system != "Linux":
        return f"{host.system} has none of what it is made of"
    if tier is Tier.BWRAP and host.is_root:
        return "bubblewrap can do nothing that root cannot, and its runs would be root's"
    if tier is Tier.BWRAP and not host.has_bwrap:
        return "there is no program `bwrap`"
    if tier is Tier.LANDLOCK:
        return _landlock_obstacle(host)
    return None


def _landlock_obstacle(host: Host) -> str | None:
    if host.landlock_abi < 1:
        return "the kernel has no Landlock"
    if host.landlock_abi < _ABI_WITH_TRUNCATE and not host.is_root:
        return (
            f"Landlock ABI {host.landlock_abi} lets a tool empty files that it may read,"
            " and the server is not root, so they belong to the tool's user"
        )
    if host.is_root and host.closed_python is not None:
        return f"runs have users of their own, who may not look into {host.closed_python}, where Python is"
    return None


def remedy(tier: Tier, host: Host) -> str:
    """What would make a tier work that does not."""
    if tier is Tier.WASM:
        return "install jinba-mcp[wasm]"
    if host.system != "Linux":
        return "run the server on Linux, or choose another provider than local"
    if tier is Tier.LANDLOCK:
        return _landlock_remedy(host)
    if tier is Tier.BWRAP and host.is_root:
        return "run the server as an ordinary user"
    if tier is Tier.BWRAP and not host.has_bwrap:
        return "install the package bubblewrap"
    return _namespaces_remedy(host)


def _landlock_remedy(host: Host) -> str:
    if host.landlock_abi < 1:
        return "run on Linux 5.13 or newer with `landlock` in the kernel's lsm= list, and let landlock_* calls through"
    if host.is_root:
        return "run the server with a Python that any user may start, or not as root"
    return "run the server on Linux 6.2 or newer, or as root, which gives each run a user of its own"


def _namespaces_remedy(host: Host) -> str:
    sysctl = host.sysctl
    if sysctl.get("user.max_user_namespaces") == "0":
        return "set sysctl user.max_user_namespaces=10000"
    if not host.is_root and sysctl.get("kernel.unprivileged_userns_clone") == "0":
        return "set sysctl kernel.unprivileged_userns_clone=1"
    if host.is_container:
        return (
            "start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
            " --security-opt systempaths=unconfined (the sandbox filters calls itself)"
        )
    if not host.is_root and sysctl.get("kernel.apparmor_restrict_unprivileged_userns") == "1":
        return (
            "install bubblewrap and load AppArmor's profile bwrap-userns-restrict (package apparmor-profiles),"
            " or set sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        )
    if host.is_filtered:
        return "allow namespaces in the service's unit (RestrictNamespaces=no, and @mount in SystemCallFilter=)"
    return "run the server where user namespaces may be made: `unshare -Urmpn true` tells"


def choice(wanted: Wanted, least: Least | None, findings: Mapping[Tier, str | None], host: Host) -> Choice:
    """The first tier that works; `findings` says for each that was tried why it does not (None: it does).

    `least` is None where the operator asked for nothing. A tier below it is a problem, never a silent choice.
    """
    if wanted == "unsafe":
        problem = (
            f"JINBA_SANDBOX=unsafe contradicts JINBA_SANDBOX_MIN={least}; take one of them back" if least else None
        )
        return Choice(tier=Tier.NONE, isolation=isolation(Tier.NONE, host), problem=problem)
    rejected = {tier: reason for tier, reason in findings.items() if reason is not None}
    working = next((tier for tier in candidates(wanted) if tier in findings and findings[tier] is None), None)
    if working is None:
        return _nothing(_no_tier(wanted, rejected, host), rejected, host)
    found = isolation(working, host)
    if least is not None and not found.level.is_at_least(Level(least)):
        better = [tier for tier in rejected if _LEVELS[tier].is_at_least(Level(least))]
        reasons = _reasons(better, rejected, host) or f"JINBA_SANDBOX={wanted} allows nothing better"
        problem = f"the sandbox is only `{found.level}` here, and JINBA_SANDBOX_MIN asks for `{least}`: {reasons}"
        return _nothing(problem, rejected, host)
    return Choice(tier=working, isolation=found, rejected=rejected)


def _no_tier(wanted: Wanted, rejected: Mapping[Tier, str], host: Host) -> str:
    begin = "no sandbox works here" if wanted == "auto" else f"JINBA_SANDBOX={wanted} does not work here"
    return f"{begin}: {_reasons(list(rejected), rejected, host)}"


def _reasons(tiers: list[Tier], rejected: Mapping[Tier, str], host: Host) -> str:
    return "; ".join(f"{tier}: {rejected[tier]} ({remedy(tier, host)})" for tier in tiers)


def _nothing(problem: str, rejected: dict[Tier, str], host: Host) -> Choice:
    return Choice(tier=Tier.NONE, isolation=isolation(Tier.NONE, host), problem=problem, rejected=rejected)
