"""FastMCP with the same tool, on the web server that the others here have; started in an environment of its own."""

import os

import uvicorn
from fastmcp import FastMCP


def add(a: int, b: int) -> dict[str, int]:
    """Adds two integers."""
    return {"sum": a + b}


if __name__ == "__main__":
    server = FastMCP("bench")
    server.tool(add)
    app = server.http_app(path="/mcp", json_response=True, stateless_http=True)
    uvicorn.run(app, port=int(os.environ["PORT"]), log_level="warning", access_log=False, loop="uvloop")
