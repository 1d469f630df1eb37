"""E2B's control plane (REST) and the daemon in its sandboxes (Connect RPC, files), as far as we use them.

The daemon's wire format is the SDK's own: its generated service is served, and its commands are processes of this
machine. Requests and answers of the control plane have the shapes of the SDK's generated client.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from e2b.envd.client_shared import ENVD_JSON_CODEC
from e2b.envd.process import process_connect, process_pb
from protobuf import Oneof
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.sandbox.remote.machines import here_in_shell

API_KEY = "e2b_0123456789abcdef0123456789abcdef01234567"


class Processes(process_connect.Process):
    """The daemon's service of processes."""

    def __init__(self, cloud: "E2bCloud") -> None:
        self._cloud = cloud

    async def start(
        self, request: process_pb.StartRequest, ctx: RequestContext[Any, Any], /
    ) -> AsyncIterator[process_pb.StartResponse]:
        assert request.process is not None
        self._cloud.require_alive()
        self._cloud.commands.append((self._cloud.user_of(ctx), request.process.args[-1], dict(request.process.envs)))
        process = await asyncio.create_subprocess_exec(
            *["/bin/sh", "-c", here_in_shell(request.process.args[-1])],
            stdin=asyncio.subprocess.PIPE if request.stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._cloud.processes[process.pid] = process
        try:
            yield _event(Oneof("start", process_pb.ProcessEvent.StartEvent(pid=process.pid)))
            assert process.stdout is not None
            assert process.stderr is not None
            while data := await process.stdout.read(32768):
                yield _event(Oneof("data", process_pb.ProcessEvent.DataEvent(output=_stdout(data))))
            if data := await process.stderr.read():
                yield _event(Oneof("data", process_pb.ProcessEvent.DataEvent(output=_stderr(data))))
            code = await process.wait()
            yield _event(Oneof("end", process_pb.ProcessEvent.EndEvent(exit_code=code, exited=True, status="exit")))
        finally:
            await self._cloud.end(process)

    async def send_input(
        self, request: process_pb.SendInputRequest, _ctx: RequestContext[Any, Any], /
    ) -> process_pb.SendInputResponse:
        process = self._process(request.process)
        assert request.input is not None
        assert request.input.input is not None
        assert process.stdin is not None
        value = request.input.input.value
        assert isinstance(value, bytes)
        self._cloud.inputs.append(value)
        process.stdin.write(value)
        return process_pb.SendInputResponse()

    async def send_signal(
        self, request: process_pb.SendSignalRequest, _ctx: RequestContext[Any, Any], /
    ) -> process_pb.SendSignalResponse:
        with contextlib.suppress(ProcessLookupError):
            self._process(request.process).kill()
        return process_pb.SendSignalResponse()

    def _process(self, selector: process_pb.ProcessSelector | None) -> asyncio.subprocess.Process:
        assert selector is not None
        assert selector.selector is not None
        pid = selector.selector.value
        if pid not in self._cloud.processes:
            raise ConnectError(Code.NOT_FOUND, "no such process")
        return self._cloud.processes[pid]


def _event(event: Any) -> process_pb.StartResponse:
    return process_pb.StartResponse(event=process_pb.ProcessEvent(event=event))


def _stdout(data: bytes) -> Oneof[Literal["stdout"], bytes]:
    return Oneof("stdout", data)


def _stderr(data: bytes) -> Oneof[Literal["stderr"], bytes]:
    return Oneof("stderr", data)


class E2bCloud:
    """What the account has, for tests to look at."""

    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []
        self.alive: dict[str, dict[str, Any]] = {}
        self.networks: list[dict[str, Any]] = []
        self.timeouts: list[int] = []
        self.commands: list[tuple[str, str, dict[str, str]]] = []
        self.inputs: list[bytes] = []
        self.processes: dict[int, asyncio.subprocess.Process] = {}
        self.is_out_of_order = False

    def app(self) -> Starlette:
        service = process_connect.ProcessASGIApplication(Processes(self), codecs=[ENVD_JSON_CODEC])
        routes = [
            Route("/v2/sandboxes", self._create, methods=["POST"]),
            Route("/v2/sandboxes", self._list, methods=["GET"]),
            Route("/sandboxes/{key}", self._delete, methods=["DELETE"]),
            Route("/sandboxes/{key}/network", self._network, methods=["PUT"]),
            Route("/sandboxes/{key}/timeout", self._timeout, methods=["POST"]),
            Route("/files", self._write, methods=["POST"]),
            Route("/health", self._health, methods=["GET"]),
            Mount("/", service),
        ]
        return Starlette(routes=routes)

    def require_alive(self) -> None:
        if not self.alive:
            raise ConnectError(Code.UNAVAILABLE, "The sandbox was not found")

    def user_of(self, ctx: RequestContext[Any, Any]) -> str:
        return str(ctx.request_headers.get("authorization") or "")

    async def end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        self.processes.pop(process.pid, None)

    async def _create(self, request: Request) -> Response:
        if request.headers.get("x-api-key") != API_KEY:
            return JSONResponse({"code": 401, "message": "Invalid API key at 10.1.2.3"}, 401)
        if self.is_out_of_order:
            return JSONResponse({"code": 500, "message": "out of order"}, 500)
        asked = await request.json()
        key = f"sandbox{len(self.created)}"
        self.created.append(asked)
        self.alive[key] = asked.get("metadata") or {}
        made = {"templateID": "base", "sandboxID": key, "clientID": "c", "envdVersion": "0.6.4", "domain": None}
        return JSONResponse(made, 201)

    async def _list(self, request: Request) -> Response:
        if request.headers.get("x-api-key") != API_KEY:
            return JSONResponse({"code": 401, "message": "Invalid API key at 10.1.2.3"}, 401)
        wanted = {key: value[0] for key, value in parse_qs(request.query_params.get("metadata", "")).items()}
        rest = {
            "templateID": "base",
            "clientID": "c",
            "startedAt": "2026-01-01T00:00:00Z",
            "endAt": "2026-01-01T01:00:00Z",
            "cpuCount": 2,
            "memoryMB": 512,
            "diskSizeMB": 512,
            "state": "running",
            "envdVersion": "0.6.4",
        }
        found = [key for key, metadata in self.alive.items() if wanted.items() <= metadata.items()]
        return JSONResponse([{"sandboxID": key, "metadata": self.alive[key], **rest} for key in found])

    async def _delete(self, request: Request) -> Response:
        if self.alive.pop(request.path_params["key"], None) is None:
            return JSONResponse({"code": 404, "message": "not found"}, 404)
        for process in tuple(self.processes.values()):
            await self.end(process)
        return Response(status_code=204)

    async def _network(self, request: Request) -> Response:
        self.networks.append(await request.json())
        return Response(status_code=204)

    async def _timeout(self, request: Request) -> Response:
        if request.path_params["key"] not in self.alive:
            return JSONResponse({"code": 404, "message": "not found"}, 404)
        self.timeouts.append((await request.json())["timeout"])
        return Response(status_code=204)

    async def _write(self, request: Request) -> Response:
        path = Path(request.query_params["path"])
        async with request.form() as form:
            upload: Any = form["file"]
            await asyncio.to_thread(_write, path, await upload.read())
        return JSONResponse([{"name": path.name, "path": str(path), "type": "file"}])

    async def _health(self, _request: Request) -> Response:
        return Response(status_code=204 if self.alive else 502)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
