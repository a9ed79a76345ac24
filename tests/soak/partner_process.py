"""A partner outside as a process of its own, which loses requests and answers and may be killed.

What it took is a line of a file before it is answered. `python -m … PORT FILE SEED`.
"""

import json
import os
import random
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


def serve(port: int, file: str, seed: str) -> None:
    dice, lock = random.Random(f"{seed} {os.getpid()}"), threading.Lock()
    taken = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                luck = dice.random()
            if luck < 0.05:  # the request is lost
                self.close_connection = True
                return
            if luck < 0.12:
                self._reply(503, {})
                return
            path = urlsplit(self.path).path
            order_id, action = unquote(path.rsplit("/", 2)[1]), path.rpartition("/")[2]
            line = {"action": action, "order": order_id, "body": body}
            line["key"] = self.headers["Idempotency-Key"]
            os.write(taken, json.dumps(line).encode() + b"\n")
            if luck < 0.22:  # the answer is lost
                self.close_connection = True
                return
            self._reply(200, answer_to(action, order_id, body))

        def _reply(self, status: int, answer: Any) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Who asked may be killed meanwhile."""

    Server(("127.0.0.1", port), Handler).serve_forever()


def answer_to(action: str, order_id: str, body: Any) -> Any:
    if action == "orders":
        return [{"orderId": f"S-{body[0]['marketplaceOrderId']}"}]
    known = body.get("marketplaceOrderId") if isinstance(body, dict) else None
    return {"marketplaceOrderId": known, "orderId": order_id, "receipt": None}


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], sys.argv[3])
