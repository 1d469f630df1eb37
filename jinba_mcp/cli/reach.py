"""Where a command works: on the local registry, or on a server that an option, the environment or a profile names."""

import ipaddress
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from jinba_mcp import logs
from jinba_mcp.cli import local, output, profile_file
from jinba_mcp.cli.output import Failed, Misused
from jinba_mcp.client import AsyncJinba, ClientError, Refused
from jinba_mcp.client.clients import DEFAULT_TIMEOUT_S, checked_url

if TYPE_CHECKING:
    from jinba_mcp.cli.here import Finish

T = TypeVar("T")
Work = Callable[[AsyncJinba], Awaitable[T]]


@dataclass(frozen=True)
class Choice:
    """What the options of a command say about where it works."""

    url: str | None = None
    profile: str | None = None
    is_local: bool = False
    is_quiet: bool = False
    """Whether the answer is for a script, which is told nothing beside it."""


_UNSAID = Choice()
_choice: ContextVar[Choice] = ContextVar("choice", default=_UNSAID)


@dataclass(frozen=True)
class Server:
    """A server to work on."""

    url: str
    key: str | None = field(repr=False)
    profile: str | None = None
    """The profile that decided, without anybody naming it."""


@contextmanager
def choosing(choice: Choice) -> Iterator[None]:
    """Have the command inside work where its options say.

    Raises:
        Misused: they contradict each other.
    """
    if sum((choice.is_local, choice.url is not None, choice.profile is not None)) > 1:
        raise Misused("Give one of --local, --url and --profile.")
    token = _choice.set(choice)
    try:
        yield
    finally:
        _choice.reset(token)


def server() -> Server | None:
    """The server that the command works on; None for the local registry.

    The first that is given decides: `--local`, `--url`, `--profile`, `JINBA_URL`, the profile in use. The key is that
    of the profile that was named, or else `JINBA_API_KEY`, or else that of a profile with this URL.

    Raises:
        Failed: the profiles cannot be read, or there is none of that name.
        Misused: the address is none of a server.
    """
    choice = _choice.get()
    if choice.is_local:
        return None
    kept = profile_file.read()
    if choice.profile is not None:
        named = kept.get(choice.profile)
        return Server(usable(named.url), named.key)
    in_use = kept.current if choice.url is None and not os.environ.get("JINBA_URL") else None
    url = kept.get(in_use).url if in_use is not None else choice.url or os.environ.get("JINBA_URL")
    if not url:
        return None
    url = usable(url)
    return Server(url, os.environ.get("JINBA_API_KEY") or kept.key_of(url), in_use)


def on_server(  # noqa: PLR0913  what a call over the network needs, and what one here does
    org: str | None,
    work: Work[T],
    *,
    timeout_s: float | None = None,
    loads_folders: bool = False,
    finish: "Finish | None" = None,
    runs_tools: bool = False,
) -> T:
    """Run `work` with a client of whatever is reached, in an organization (None: in none, as with a list of all).

    On the local registry it acts in the name of the operator: what `loads_folders` finds the operator's folders in it,
    what `runs_tools` says that this process lives, for as long as it does, and `finish` comes after it. `timeout_s` is
    for each call over the network.

    Raises:
        Failed: the server said no, or did not answer.
        Misused: the address, the key or a name cannot be used.
    """
    found = server()
    if found is not None:
        if found.profile is not None and not _choice.get().is_quiet:
            output.note(f"On {found.url} (profile {found.profile}).")
        return over_network(found, org, work, timeout_s=timeout_s)
    from jinba_mcp.cli import here  # noqa: PLC0415  the server, which commands on another do without

    here_too = partial(here.in_process, loads_folders=loads_folders, finish=finish, runs_tools=runs_tools)
    with _told():
        return local.with_app(lambda app: here_too(app, org, work))


def over_network(found: Server, org: str | None, work: Work[T], *, timeout_s: float | None = None) -> T:
    """Run `work` with a client of this server, as `on_server` does.

    Raises:
        Failed: the server said no, or did not answer.
        Misused: the address, the key or a name cannot be used.
    """
    current = local.read_settings()
    logs.configure("warning" if current.log_level == "info" else current.log_level, current.log_format)
    if found.key is None:
        raise Misused(f"There is no key for {found.url}. Set JINBA_API_KEY, or run: jinba-mcp login {found.url}")
    warn_if_open(found.url)

    async def inside() -> T:
        async with AsyncJinba(
            found.url,
            api_key=found.key,
            organization=org or "",
            timeout_s=DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s,
            user_agent=local.CLIENT,
        ) as jinba:
            return await work(jinba)

    with _told():
        return local.run(inside)


def explained(error: Refused) -> str:
    """The refusal as a sentence, with each fault that it lists and does not tell itself."""
    faults = error.details.get("errors")
    if error.code == "arguments.invalid" or not isinstance(faults, list):
        return str(error)
    said = [f"{fault.get('pointer', fault.get('parameter'))}: {fault.get('detail')}" for fault in faults]
    return " ".join([str(error), "; ".join(each for each in said if each not in str(error))]).rstrip()


def require_local(what: str) -> None:
    """Check that the command works on the local registry, which `what` needs.

    Raises:
        Misused: it works on a server.
    """
    found = server()
    if found is not None:
        raise Misused(f"{what} works on the registry of this machine only, not on {found.url}. Add --local for that.")


def usable(url: str) -> str:
    """The URL of a server as it is kept and compared, once it may be shown.

    Raises:
        Misused: it is none, or holds a password.
    """
    try:
        return profile_file.plain(checked_url(url))
    except ValueError as error:
        raise Misused(f"{str(error).capitalize()}.") from None


def warn_if_open(url: str) -> None:
    """Say so when a key would go over a network that anyone may listen to."""
    parts = urlsplit(url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        output.note(f"Warning: {url} is not https; whoever is on the way can read the key.")


@contextmanager
def _told() -> Iterator[None]:
    """Have what the client raises end the command with a sentence."""
    try:
        yield
    except Refused as error:
        raise Failed(explained(error)) from error
    except ClientError as error:
        raise Failed(str(error)) from error
    except ValueError as error:
        # What the client says of names and addresses that no URL can hold; its subclasses are our own faults.
        if type(error) is not ValueError:
            raise
        raise Misused(f"{error}.") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
