"""A partner outside the deployment: a real HTTP server that does what a test wrote for it."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support import published_operations
from tests.support.patience import HANGS


@dataclass(frozen=True)
class ReceivedRequest:
    """One request that came: its path as sent, with the query, and the body as JSON."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def action(self) -> str:
        """The last part of the path: `fulfill` of `/seller/pvt/orders/7/fulfill?token=x`."""
        return urlsplit(self.path).path.rpartition("/")[2]

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def order_id(self) -> str:
        return unquote(urlsplit(self.path).path.rsplit("/", 2)[1])


@dataclass(frozen=True)
class Reply:
    """What is answered: `body` as JSON, or its bytes; a `silent` one never is."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False


SILENCE = Reply(silent=True)
Answering = Callable[[ReceivedRequest], Reply]


class Outsider:
    """Listens on a port of its own; `script` has replies to give first, by action."""

    def __init__(self, answer: Answering) -> None:
        self.received: list[ReceivedRequest] = []
        self.script: dict[str, list[Reply]] = {}
        self._answer = answer
        self._news = threading.Condition()
        self._over = threading.Event()
        outsider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = ReceivedRequest(
                    self.command, self.path, headers, json.loads(raw or b"null")
                )
                reply = outsider.receive(request)
                if reply.silent:
                    outsider._over.wait()
                    self.close_connection = True
                    return
                body = (
                    reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                )
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_PATCH = do_PUT = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Who asked may be gone before it is answered."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def receive(self, request: ReceivedRequest) -> Reply:
        published_operations.note_sent(request.method, request.path)
        with self._news:
            self.received.append(request)
            written = self.script.get(request.action)
            reply = written.pop(0) if written else self._answer(request)
            self._news.notify_all()
        return reply

    def will(self, action: str, *replies: Reply) -> None:
        """Answer an action so, the first replies first; afterwards as it always does."""
        with self._news:
            self.script.setdefault(action, []).extend(replies)

    def calls(self, action: str) -> list[ReceivedRequest]:
        with self._news:
            return [one for one in self.received if one.action == action]

    def wait_for(
        self, enough: Callable[[list[ReceivedRequest]], bool], seconds: float = HANGS
    ) -> None:
        with self._news:
            assert self._news.wait_for(lambda: enough(self.received), seconds), self.received

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Outsider":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def well_behaved_seller(request: ReceivedRequest) -> Reply:
    """A seller that takes every order, under `S-` and ours, and cancels what it is asked to."""
    if request.action == "orders":
        order = request.body[0]
        return Reply(body=[{**order, "orderId": f"S-{order['marketplaceOrderId']}"}])
    receipt = {
        "date": "2026-01-01T00:00:00Z",
        "marketplaceOrderId": (request.body or {}).get("marketplaceOrderId"),
        "orderId": request.order_id,
        "receipt": "0" * 32,
    }
    return Reply(body=receipt)


def well_behaved_marketplace(request: ReceivedRequest) -> Reply:
    return Reply(body={"date": "2026-01-01T00:00:00Z", "orderId": "1", "receipt": None})
