"""A Python index and an npm registry on loopback, and the archives they offer, honest and hostile."""

import base64
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BASE_VERSIONS = {"pydantic": "2.99.0", "zod": "4.99.0"}


class Registry:
    """Serves what was added to it, and remembers what was asked for."""

    def __init__(self) -> None:
        self.wheels: dict[str, bytes] = {}
        self.tarballs: dict[str, bytes] = {}
        self.manifests: dict[str, dict[str, object]] = {}
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.add_wheel("pydantic", BASE_VERSIONS["pydantic"], {"pydantic/__init__.py": ""})
        self.add_npm("zod", BASE_VERSIONS["zod"], {"index.js": "export const z = {};"})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environ(self) -> dict[str, str]:
        """What an operator sets to use this registry."""
        return {"UV_DEFAULT_INDEX": f"{self.url}/simple", "UV_HTTP_RETRIES": "0", "NPM_CONFIG_REGISTRY": self.url}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add_wheel(
        self,
        name: str,
        version: str,
        files: Mapping[str, str | bytes] | None = None,
        *,
        requires: tuple[str, ...] = (),
        tag: str = "py3-none-any",
        modes: Mapping[str, int] | None = None,
    ) -> None:
        module = name.replace("-", "_")
        content = dict(files) if files is not None else {f"{module}/__init__.py": f"VERSION = {version!r}\n"}
        self.wheels[f"{module}-{version}-{tag}.whl"] = wheel(
            module, version, content, requires=requires, tag=tag, modes=modes
        )

    def add_sdist(self, name: str, version: str, archive: bytes | None = None) -> None:
        plain = {f"{name}-{version}/setup.py": "raise SystemExit"}
        self.wheels[f"{name}-{version}.tar.gz"] = archive or tarball(plain)

    def add_npm(
        self,
        name: str,
        version: str,
        files: Mapping[str, str] | None = None,
        *,
        archive: bytes | None = None,
        **manifest: object,
    ) -> None:
        package = {"name": name, "version": version, "type": "module", "main": "index.js"} | manifest
        content = {"index.js": f"export const version = '{version}';"} if files is None else dict(files)
        data = archive or tarball(
            {f"package/{path}": text for path, text in content.items()} | {"package/package.json": json.dumps(package)}
        )
        path = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        self.tarballs[path] = data
        integrity = base64.b64encode(hashlib.sha512(data).digest()).decode()
        offered = self.manifests.setdefault(name, {"name": name, "versions": {}, "dist-tags": {}})
        dist = {"tarball": f"{self.url}{path}", "integrity": f"sha512-{integrity}"}
        versions, tags = offered["versions"], offered["dist-tags"]
        assert isinstance(versions, dict)
        assert isinstance(tags, dict)
        versions[version] = package | {"dist": dist}
        tags["latest"] = version

    def answer(self, path: str) -> bytes | None:
        if path.startswith("/simple/"):
            return self._index(path.removeprefix("/simple/").strip("/"))
        if path.startswith("/files/"):
            return self.wheels.get(path.removeprefix("/files/"))
        if path in self.tarballs:
            return self.tarballs[path]
        manifest = self.manifests.get(path[1:].replace("%2f", "/").replace("%2F", "/"))
        return None if manifest is None else json.dumps(manifest).encode()

    def _index(self, name: str) -> bytes | None:
        files = [file for file in self.wheels if file.replace("_", "-").lower().startswith(f"{name}-")]
        links = "".join(
            f'<a href="/files/{file}#sha256={hashlib.sha256(self.wheels[file]).hexdigest()}">{file}</a>'
            for file in files
        )
        return f"<!DOCTYPE html><html><body>{links}</body></html>".encode() if files else None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(has_body=False)

            def do_GET(self) -> None:
                registry.requests.append(self.path)
                self._answer(has_body=True)

            def _answer(self, *, has_body: bool) -> None:
                body = registry.answer(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header(
                    "Content-Type", "text/html" if self.path.startswith("/simple/") else "application/json"
                )
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"" if has_body else b"")

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def wheel(
    module: str,
    version: str,
    files: Mapping[str, str | bytes],
    *,
    requires: tuple[str, ...] = (),
    tag: str = "py3-none-any",
    modes: Mapping[str, int] | None = None,
) -> bytes:
    """A wheel of exactly these files; `modes` sets the Unix mode, with its type, of some of them."""
    info = f"{module}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    content: dict[str, str | bytes] = dict(files)
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n{needs}"
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in content.items():
            entry = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = (modes or {}).get(path, 0o100644) << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


def tarball(files: Mapping[str, str], extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    """A .tgz of these files, and of `extra` entries without content (links, devices)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
        for entry in extra:
            archive.addfile(entry)
    return buffer.getvalue()
