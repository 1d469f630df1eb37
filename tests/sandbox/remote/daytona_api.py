"""Daytona's API (sandboxes) and the toolbox in its sandboxes (files, commands, sessions), as far as we use them.

Shapes are those of the SDK's generated clients; commands are processes of this machine.
"""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.sandbox.remote.machines import here_in_shell

API_KEY = "dtn_0123456789abcdef"
STDOUT_MARK = b"\x01\x01\x01"


class DaytonaCloud:
    """What the organization has, for tests to look at."""

    def __init__(self) -> None:
        self.url = ""
        self.created: list[dict[str, Any]] = []
        self.alive: dict[str, dict[str, str]] = {}
        self.networks: list[dict[str, Any]] = []
        self.commands: list[dict[str, Any]] = []
        self.inputs: list[str] = []
        self.sessions: dict[str, asyncio.subprocess.Process | None] = {}
        self.is_out_of_order = False

    def app(self) -> Starlette:
        session = "/toolbox/{key}/process/session"
        routes = [
            Route("/api/sandbox", self._create, methods=["POST"]),
            Route("/api/sandbox", self._list, methods=["GET"]),
            Route("/api/sandbox/{key}", self._delete, methods=["DELETE"]),
            Route("/api/sandbox/{key}/network-settings", self._network, methods=["POST"]),
            Route("/toolbox/{key}/files/bulk-upload", self._upload, methods=["POST"]),
            Route("/toolbox/{key}/process/execute", self._execute, methods=["POST"]),
            Route(session, self._open_session, methods=["POST"]),
            Route(session + "/{session}", self._close_session, methods=["DELETE"]),
            Route(session + "/{session}/exec", self._start, methods=["POST"]),
            Route(session + "/{session}/command/{command}/input", self._input, methods=["POST"]),
            WebSocketRoute(session + "/{session}/command/{command}/logs", self._logs),
        ]
        return Starlette(routes=routes)

    async def end(self, session: str) -> None:
        process = self.sessions.pop(session, None)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    def _sandbox(self, key: str) -> dict[str, Any]:
        return {
            "id": key,
            "organizationId": "org",
            "name": key,
            "user": "daytona",
            "env": {},
            "labels": self.alive[key],
            "public": False,
            "networkBlockAll": False,
            "kvm": False,
            "target": "eu",
            "cpu": 1,
            "gpu": 0,
            "memory": 1,
            "disk": 3,
            "state": "started",
            "toolboxProxyUrl": f"{self.url}/toolbox",
        }

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return JSONResponse({"statusCode": 401, "message": "Invalid credentials at 10.1.2.3"}, 401)
        key = request.path_params.get("key")
        if key is not None and key not in self.alive:
            return JSONResponse({"statusCode": 404, "message": "not found"}, 404)
        return None

    async def _create(self, request: Request) -> Response:
        if self.is_out_of_order:
            return JSONResponse({"statusCode": 500, "message": "out of order"}, 500)
        if refusal := self._refused(request):
            return refusal
        asked = await request.json()
        key = f"sandbox{len(self.created)}"
        self.created.append(asked)
        self.alive[key] = asked.get("labels") or {}
        return JSONResponse(self._sandbox(key))

    async def _list(self, request: Request) -> Response:
        if refusal := self._refused(request):
            return refusal
        wanted = json.loads(request.query_params["labels"])
        found = [key for key, labels in self.alive.items() if wanted.items() <= labels.items()]
        return JSONResponse({"items": [self._sandbox(key) for key in found], "nextCursor": None})

    async def _delete(self, request: Request) -> Response:
        if refusal := self._refused(request):
            return refusal
        sandbox = self._sandbox(request.path_params["key"])
        del self.alive[request.path_params["key"]]
        for session in tuple(self.sessions):
            await self.end(session)
        return JSONResponse({**sandbox, "state": "destroyed"})

    async def _network(self, request: Request) -> Response:
        self.networks.append(await request.json())
        return JSONResponse(self._sandbox(request.path_params["key"]))

    async def _upload(self, request: Request) -> Response:
        async with request.form() as form:
            upload: Any = form["files[0].file"]
            path, content = Path(str(form["files[0].path"])), await upload.read()
        await asyncio.to_thread(_write, path, content)
        return Response(status_code=200)

    async def _execute(self, request: Request) -> Response:
        line = here_in_shell((await request.json())["command"])
        process = await asyncio.create_subprocess_exec("/bin/sh", "-c", line, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        return JSONResponse({"exitCode": process.returncode, "result": output.decode()})

    async def _open_session(self, request: Request) -> Response:
        if refusal := self._refused(request):
            return refusal
        self.sessions[(await request.json())["sessionId"]] = None
        return Response(status_code=201)

    async def _close_session(self, request: Request) -> Response:
        await self.end(request.path_params["session"])
        return Response(status_code=204)

    async def _start(self, request: Request) -> Response:
        asked = await request.json()
        self.commands.append(asked)
        self.sessions[request.path_params["session"]] = await asyncio.create_subprocess_exec(
            *["/bin/sh", "-c", here_in_shell(asked["command"])],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return JSONResponse({"cmdId": "command1"}, 202)

    async def _input(self, request: Request) -> Response:
        data = (await request.json())["data"]
        self.inputs.append(data)
        process = self.sessions[request.path_params["session"]]
        assert process is not None
        assert process.stdin is not None
        process.stdin.write(data.encode())
        return Response(status_code=204)

    async def _logs(self, socket: WebSocket) -> None:
        assert socket.query_params["follow"] == "true"
        await socket.accept()
        process = self.sessions[socket.path_params["session"]]
        assert process is not None
        assert process.stdout is not None
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while data := await process.stdout.read(32768):
                await socket.send_bytes(STDOUT_MARK + data)
            await socket.close(1000)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
