"""jinba_mcp: a registry of versioned ToolSets, served over MCP and REST. Start reading at `app.py`."""

__version__ = "0.1.0"
