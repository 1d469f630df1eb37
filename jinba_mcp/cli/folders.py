"""Loading ToolSets from the operator's folders into the default organization."""

from collections.abc import Callable
from pathlib import Path

from jinba_mcp.app import App, toolsets_roots
from jinba_mcp.cli import output
from jinba_mcp.core.folders import Loaded
from jinba_mcp.core.organizations import DEFAULT_SLUG
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.domain.pages import PageRequest


async def load(app: App, tell: Callable[[str], None], *, needing_environment: bool) -> None:
    """Load the folders of the settings, telling of each new version; what is broken goes to standard error.

    Those whose packages are to be installed are loaded apart from the others, since that may take minutes.
    """
    caller = await app.core.organizations.operator(DEFAULT_SLUG)
    for root in toolsets_roots(app.settings):
        for loaded in await _load(app, caller, root, needing_environment=needing_environment):
            if loaded.problem is not None:
                output.problem(f"{loaded.path} was not loaded: {loaded.problem.message}")
            elif loaded.pushed is not None and loaded.pushed.is_new_version:
                tell(f"Loaded {loaded.pushed.toolset.slug} {loaded.pushed.version.number}")


async def load_if_none(app: App) -> None:
    """Load the folders into a registry that has no ToolSet yet, so that the first command finds some."""
    caller = await app.core.organizations.operator(DEFAULT_SLUG)
    page = await app.core.toolsets.page(caller, DEFAULT_SLUG, PageRequest(limit=1))
    if not page.items and toolsets_roots(app.settings):
        output.note("There is no ToolSet yet, so those that are shipped (or in JINBA_TOOLSETS_DIRS) are loaded first.")
        await load(app, output.note, needing_environment=False)
        output.note("Those that bring packages are loaded by 'jinba-mcp serve', or by 'jinba-mcp toolsets push DIR'.")


async def _load(app: App, caller: Caller, root: Path, *, needing_environment: bool) -> list[Loaded]:
    try:
        return await app.core.folders.load(caller, DEFAULT_SLUG, root, needing_environment=needing_environment)
    except JinbaError as error:
        return [] if needing_environment else [Loaded(root, None, error)]
