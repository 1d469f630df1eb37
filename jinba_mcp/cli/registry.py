"""The local registry, open: set up, if it never was, and brought up to date."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from jinba_mcp.app import App, opened
from jinba_mcp.cli.output import Misused
from jinba_mcp.domain.errors import Invalid
from jinba_mcp.domain.runs import Run
from jinba_mcp.settings import Settings


@asynccontextmanager
async def registry(
    current: Settings,
    *,
    migrates: bool = True,
    observe: Callable[[Run], None] = lambda _: None,
    is_server: bool = False,
) -> AsyncIterator[App]:
    """The open registry, which is set up if it never was; `migrates` also brings its schema up to date.

    Raises:
        Misused: a setting cannot be used.
    """
    async with AsyncExitStack() as stack:
        try:
            app = await stack.enter_async_context(opened(current, observe=observe, is_server=is_server))
        except Invalid as error:
            raise Misused(error.message) from error
        revision = await app.store.schema_revision()
        # Looked at first, because migrating takes the write lock even when there is nothing to do.
        if revision is None or (migrates and revision != app.store.head_revision()):
            await app.store.upgrade()
        if revision is None or migrates:
            await app.core.organizations.ensure_default()
        yield app
