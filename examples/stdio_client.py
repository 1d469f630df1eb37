"""Starts `jinba-mcp stdio` and calls a tool through it: the local registry, with no server, network or key."""

import os
import shutil
import sys
from pathlib import Path

import anyio
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters

# The command stands beside this Python when its environment is not activated.
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
COMMAND = shutil.which("jinba-mcp", path=PATH)


async def main(command: str) -> None:
    # The SDK hands on only a few variables, and JINBA_DATA_DIR says where the registry is.
    settings = {name: value for name, value in os.environ.items() if name.startswith("JINBA_")}
    server = StdioServerParameters(command=command, args=["stdio", "--toolset", "greeting-tools"], env=settings)
    async with Client(server, read_timeout_seconds=60) as client:
        print(f"Started {command}, speaking MCP {client.protocol_version}. Its tools:")
        for tool in (await client.list_tools()).tools:
            print(f"  {tool.name}: {tool.title}")
        result = await client.call_tool("greet", {"name": "Alice", "language": "fr"})
        print(f"The tool answered: {result.structured_content}")


if __name__ == "__main__":
    if COMMAND is None:
        sys.exit("There is no command jinba-mcp. 'make setup' makes it; run this with .venv/bin/python.")
    ended = False
    # What goes wrong in the SDK's background tasks arrives in groups.
    try:
        anyio.run(main, COMMAND)
    except* (MCPError, OSError):
        ended = True
    if ended:
        sys.exit("jinba-mcp stdio did not answer; it says why above.")
