"""A Docker Engine API on a Unix socket, as far as we use it: containers are processes of this machine."""

import contextlib
import io
import json
import os
import re
import socket
import socketserver
import struct
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.sandbox.remote.machines import here

API_VERSION = "1.47"


class Container:
    """What was asked for when it was created, and its process once it is started."""

    def __init__(self, number: int, asked: dict[str, Any]) -> None:
        self.id = f"{number:064x}"
        self.asked = asked
        self.process: subprocess.Popen[bytes] | None = None
        self.is_started = threading.Event()
        self.is_attached_before_start = False

    def start(self, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            here(self.asked["Entrypoint"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
        )
        self.is_started.set()

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.is_started.set()

    def release(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr) if self.process else ():
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class DockerDaemon(socketserver.ThreadingUnixStreamServer):
    """All there is in it, for tests to look at."""

    daemon_threads = True

    def __init__(self, path: Path, env: dict[str, str]) -> None:
        super().__init__(str(path), Handler)
        self.url = f"unix://{path}"
        self.env = env
        self.containers: dict[str, Container] = {}
        self.every_container: list[Container] = []
        self.images = {"python:3.11-slim"}
        self.pulled: list[str] = []
        self.committed: list[str] = []
        self.execs: dict[str, dict[str, Any]] = {}
        self.is_broken = False
        self.starts_nothing = False

    @contextlib.contextmanager
    def running(self) -> Iterator["DockerDaemon"]:
        thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            for container in self.every_container:
                container.end()
            self.shutdown()
            thread.join()
            self.server_close()
            for container in self.every_container:
                container.release()

    def add(self, asked: dict[str, Any]) -> Container:
        container = Container(len(self.every_container) + 1, asked)
        self.containers[container.id] = container
        self.every_container.append(container)
        return container

    def find(self, key: str) -> Container | None:
        return self.containers.get(key)


class Handler(BaseHTTPRequestHandler):
    """Routes by method and path, without the version in front."""

    protocol_version = "HTTP/1.1"
    server: DockerDaemon

    def log_message(self, *_args: object) -> None:
        pass

    def address_string(self) -> str:
        return "unix"

    def do_GET(self) -> None:
        self._route()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  http.server's spelling

    def _route(self) -> None:
        self.body = self._read_body()
        parts = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        path = re.sub(r"^/v[\d.]+", "", parts.path)
        if self.server.is_broken:
            self._answer(500, {"message": "out of order at 10.1.2.3"})
            return
        for (method, pattern), handle in ROUTES.items():
            match = re.fullmatch(pattern, path)
            if match and method == self.command:
                handle(self, *match.groups())
                return
        self._answer(404, {"message": f"no route {self.command} {path}"})

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, value: Any = None) -> None:
        raw = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Api-Version", API_VERSION)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _missing(self, what: str) -> None:
        self._answer(404, {"message": f"No such {what}"})

    def ping(self) -> None:
        self._answer(200, "OK")

    def version(self) -> None:
        self._answer(200, {"Version": "27.0.0", "ApiVersion": API_VERSION, "MinAPIVersion": "1.24"})

    def create(self) -> None:
        asked = json.loads(self.body)
        if asked["Image"] not in self.server.images:
            self._missing("image")
            return
        self._answer(201, {"Id": self.server.add(asked).id, "Warnings": []})

    def inspect(self, key: str) -> None:
        container = self.server.find(key)
        if container is None:
            self._missing("container")
        else:
            self._answer(200, {"Id": container.id, "Config": container.asked, "State": {"Status": "running"}})

    def containers(self) -> None:
        (wanted,) = json.loads(self.query["filters"])["label"]
        key, _, value = wanted.partition("=")
        found = [one for one in self.server.containers.values() if one.asked["Labels"].get(key) == value]
        self._answer(200, [{"Id": one.id, "Labels": one.asked["Labels"]} for one in found])

    def start(self, key: str) -> None:
        if self.server.starts_nothing:
            self._answer(500, {"message": "network public not found"})
            return
        self.server.containers[key].start(self.server.env)
        self._answer(204)

    def attach(self, key: str) -> None:
        container = self.server.containers[key]
        container.is_attached_before_start = not container.is_started.is_set()
        self._hijack()
        container.is_started.wait()
        if container.process is not None:
            self._converse(container.process)

    def remove(self, key: str) -> None:
        container = self.server.containers.pop(key, None)
        if container is None:
            self._missing("container")
            return
        container.end()
        self._answer(204)

    def archive(self, key: str) -> None:
        assert key in self.server.containers
        with tarfile.open(fileobj=io.BytesIO(self.body)) as packed:
            for member in packed:
                source = packed.extractfile(member)
                if source is not None:
                    target = Path(self.query["path"]) / member.name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(source.read())
        self._answer(200)

    def exec_create(self, key: str) -> None:
        number = f"{key[-8:]}{len(self.server.execs)}"
        self.server.execs[number] = json.loads(self.body)
        self._answer(201, {"Id": number})

    def exec_start(self, number: str) -> None:
        asked = self.server.execs[number]
        self._hijack()
        done = subprocess.run(here(asked["Cmd"]), capture_output=True, check=False, env=self.server.env)
        asked["ExitCode"] = done.returncode
        self._frame(1, done.stdout)
        self._frame(2, done.stderr)

    def exec_inspect(self, number: str) -> None:
        self._answer(200, {"ID": number, "Running": False, **self.server.execs[number]})

    def commit(self) -> None:
        tag = f"{self.query['repo']}:{self.query['tag']}"
        self.server.committed.append(tag)
        self.server.images.add(tag)
        self._answer(201, {"Id": f"sha256:{len(self.server.committed):064x}"})

    def image(self, name: str) -> None:
        known = name in self.server.images or name.startswith("sha256:")
        if known:
            self._answer(200, {"Id": f"sha256:{1:064x}", "RepoTags": [name]})
        else:
            self._missing("image")

    def pull(self) -> None:
        name = f"{self.query['fromImage']}:{self.query['tag']}"
        self.server.pulled.append(name)
        self.server.images.add(name)
        self._answer(200, {"status": "done"})

    def _hijack(self) -> None:
        self.wfile.write(
            b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )
        self.close_connection = True

    def _frame(self, kind: int, data: bytes) -> None:
        for start in range(0, len(data), 32768):
            chunk = data[start : start + 32768]
            self.wfile.write(struct.pack(">BxxxL", kind, len(chunk)) + chunk)

    def _converse(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        pump = threading.Thread(target=self._pump_in, args=(process,), daemon=True)
        pump.start()
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(process.stdout.fileno(), 32768):
                self._frame(1, data)
            self.connection.shutdown(socket.SHUT_RDWR)
        pump.join()

    def _pump_in(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            # Not through rfile, which cannot be closed while someone reads from it.
            while data := self.connection.recv(65536):
                process.stdin.write(data)
                process.stdin.flush()


ROUTES: dict[tuple[str, str], Callable[..., None]] = {
    ("GET", "/_ping"): Handler.ping,
    ("GET", "/version"): Handler.version,
    ("POST", "/containers/create"): Handler.create,
    ("GET", "/containers/json"): Handler.containers,
    ("GET", "/containers/([^/]+)/json"): Handler.inspect,
    ("POST", "/containers/([^/]+)/start"): Handler.start,
    ("POST", "/containers/([^/]+)/attach"): Handler.attach,
    ("DELETE", "/containers/([^/]+)"): Handler.remove,
    ("PUT", "/containers/([^/]+)/archive"): Handler.archive,
    ("POST", "/containers/([^/]+)/exec"): Handler.exec_create,
    ("POST", "/exec/([^/]+)/start"): Handler.exec_start,
    ("GET", "/exec/([^/]+)/json"): Handler.exec_inspect,
    ("POST", "/commit"): Handler.commit,
    ("POST", "/images/create"): Handler.pull,
    ("GET", "/images/(.+)/json"): Handler.image,
}
