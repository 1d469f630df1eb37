"""A webhook's receiver: takes what is signed with the webhook's secret, once each, and prints it.

    WEBHOOK_SECRET=whsec_… python examples/webhook_receiver.py 8701

Then create a webhook for https://your.host/, or, while you try it out on one machine, set
JINBA_WEBHOOK_PRIVATE_HOSTS=127.0.0.1:8701 for the server and create it for http://127.0.0.1:8701/.
"""

import json
import os
import sys
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from jinba_mcp.client.webhooks import verify_signature

SECRET = os.environ.get("WEBHOOK_SECRET", "")
MAX_BODY_BYTES = 256 * 1024
MAX_REMEMBERED = 10_000
seen: OrderedDict[str, None] = OrderedDict()


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what it takes; everything else comes again after a while."""

    timeout = 10

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if 0 < length <= MAX_BODY_BYTES else b""
        # The raw bytes are what is signed: check them before anything reads them as JSON.
        if not verify_signature(body, self.headers.get("X-Webhook-Signature", ""), SECRET):
            self.answer(401)
            return
        delivery_id = self.headers["X-Webhook-Id"]
        if delivery_id not in seen:  # A delivery may arrive twice; it has the same id then.
            seen[delivery_id] = None
            if len(seen) > MAX_REMEMBERED:
                seen.popitem(last=False)
            told = json.loads(body)
            print(told["timestamp"], told["event"], json.dumps(told["data"], ensure_ascii=False), flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Only what arrived is printed."""


if __name__ == "__main__":
    if not SECRET:
        sys.exit("Set WEBHOOK_SECRET to the webhook's secret.")
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8701), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
