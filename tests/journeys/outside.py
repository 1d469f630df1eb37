"""A web server on loopback that stands for the world outside, and notices who has come and who has gone."""

import select
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue

WITHIN_S = 120


class Outside:
    """`/hello` answers at once; `/hold/NAME` when it is released; it tells when its client has come and gone."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        self._came: SimpleQueue[str] = SimpleQueue()
        self._left: SimpleQueue[str] = SimpleQueue()
        self._released: set[str] = set()
        self._is_over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str, host: str = "localhost") -> str:
        return f"http://{host}:{self.port}{path}"

    def came(self) -> str:
        """Wait until someone has come who is held."""
        return self._came.get(timeout=WITHIN_S)

    def left(self) -> str:
        """Wait until someone who is held has gone."""
        return self._left.get(timeout=WITHIN_S)

    def release(self, name: str) -> None:
        """Answer `/hold/NAME`."""
        self._released.add(f"/hold/{name}")

    def close(self) -> None:
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _is_answered(self, request: BaseHTTPRequestHandler) -> bool:
        """Whether whoever is held is let go, and has not gone by itself."""
        self._came.put(request.path)
        while not self._is_over.is_set() and request.path not in self._released:
            if select.select([request.connection], [], [], 0.01)[0] and not request.rfile.read1(1):
                self._left.put(request.path)
                return False
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outside.visits.append(self.path)
                if self.path.startswith("/hold/") and not outside._is_answered(self):
                    return
                self.send_response(200)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"hello")

            def log_message(self, *_: object) -> None:
                pass

        return Handler
