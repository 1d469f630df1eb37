"""The one way in which these tests reach a tool."""

import pytest

from tests.toolsets import running


@pytest.fixture
def run_tool() -> running.RunTool:
    """Call it as `await run_tool("text-tools", "slugify", text="…")`."""
    return running.run_tool
