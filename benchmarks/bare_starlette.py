"""The yardstick: Starlette alone, which parses a call, adds, and answers; and as REST, for gateways to call."""

import json
import os

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def call(request: Request) -> JSONResponse:
    """Answer `tools/call` of `add`, whatever else it says."""
    asked = await request.json()
    arguments = asked["params"]["arguments"]
    answer = {"sum": arguments["a"] + arguments["b"]}
    result = {"content": [{"type": "text", "text": json.dumps(answer)}], "structuredContent": answer, "isError": False}
    return JSONResponse({"jsonrpc": "2.0", "id": asked["id"], "result": result})


async def add(request: Request) -> JSONResponse:
    """Add, as a REST service that a gateway stands before."""
    asked = await request.json()
    return JSONResponse({"sum": asked["a"] + asked["b"]})


if __name__ == "__main__":
    routes = [Route("/mcp", call, methods=["POST"]), Route("/add", add, methods=["POST"])]
    app = Starlette(routes=routes)
    uvicorn.run(app, port=int(os.environ["PORT"]), log_level="warning", access_log=False, loop="uvloop")
