"""jinba_mcp: a registry of versioned ToolSets, served over MCP and REST. Start reading at `app.py`."""

from importlib.metadata import version

__version__ = version("jinba-mcp")
