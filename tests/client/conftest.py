"""The client against the real REST face in process, and against servers that follow a script."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import pytest

from jinba_mcp.client import AsyncJinba, Retries
from jinba_mcp.core.users import NewUser
from jinba_mcp.domain.scopes import Role
from jinba_mcp.domain.users import User
from tests.faces.rest.conftest import Rest, Serve, serve
from tests.worlds import PretendedSandbox

__all__ = ["Open", "Script", "serve"]

Open = Callable[..., AbstractAsyncContextManager[AsyncJinba]]


@pytest.fixture
async def rest(serve: Serve, sqlite_url: str, sandbox: PretendedSandbox) -> AsyncIterator[Rest]:
    """With a sandbox that takes code which came through the API."""
    sandbox.is_up = True
    async with serve(sqlite_url, sandbox) as served:
        yield served


@pytest.fixture
def opened(rest: Rest) -> Open:
    """`async with opened("read", "execute") as jinba`: with a key of these scopes."""

    @asynccontextmanager
    async def opening(*scopes: str) -> AsyncIterator[AsyncJinba]:
        async with client(rest, await rest.secret(*scopes)) as jinba:
            yield jinba

    return opening


@pytest.fixture
def opened_by(rest: Rest) -> Open:
    """`async with opened_by("ada@example.com", "read") as jinba`: with a personal key of that user."""

    @asynccontextmanager
    async def opening(email: str, *scopes: str) -> AsyncIterator[AsyncJinba]:
        async with client(rest, await rest.personal_secret(email, *scopes)) as jinba:
            yield jinba

    return opening


def client(rest: Rest, secret: str) -> AsyncJinba:
    """A client with this key, not opened yet; without one for an empty key."""
    return AsyncJinba(rest.base_url, api_key=secret, transport=httpx2.ASGITransport(app=rest.app))


async def add_user(rest: Rest, email: str, role: Role = Role.MEMBER) -> User:
    """A user who belongs to the organization `default`."""
    operator = await rest.core.organizations.operator("default")
    wanted = NewUser(email=email, name=email.partition("@")[0].title())
    return await rest.core.users.add(operator, wanted, "default", role)


@dataclass
class Script:
    """A server that answers, or fails, as it is told, and keeps what it was sent."""

    lines: Iterable[httpx2.Response | Exception]
    requests: list[httpx2.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lines = iter(self.lines)

    def client(self, retries: Retries | None = None, **terms: object) -> AsyncJinba:
        transport = httpx2.MockTransport(self._answer)
        return AsyncJinba("http://jinba.test", retries=retries, transport=transport, **terms)  # type: ignore[arg-type]  # any terms

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        self.requests.append(request)
        line = next(self._lines)
        if isinstance(line, Exception):
            raise line
        if not line.is_stream_consumed:
            return line
        # As it comes over a network: with a body that is still to be read.
        return httpx2.Response(line.status_code, headers=line.headers, stream=httpx2.ByteStream(line.content))
