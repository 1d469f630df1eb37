"""Real MCP clients against a real server process: the SDKs, the Inspector, mcp-remote, and our own bridge."""
