"""The local registry, open: set up, if it never was, and brought up to date."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from jinba_mcp.app import App, opened
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
    """The open registry, which is set up if it never was; `migrates` also brings its schema up to date."""
    async with opened(current, observe=observe, is_server=is_server) as app:
        revision = await app.store.schema_revision()
        # Looked at first, because migrating takes the write lock even when there is nothing to do.
        if revision is None or (migrates and revision != app.store.head_revision()):
            await app.store.upgrade()
        if revision is None or migrates:
            await app.core.organizations.ensure_default()
        yield app
