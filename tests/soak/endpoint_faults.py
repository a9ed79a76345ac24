"""A hook's endpoint that fails in every way an endpoint can, and works again.

A fault is chosen for each attempt of each notification by the receiver's own dice, so that the
same seed makes the same receiver. Whatever it does, it notes what it received before it does it.
"""

import contextlib
import json
import random
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.soak.deployment import ReceivedNotification

ANSWERS = {"500": 500, "204": 204, "302": 302, "503": 503, "429": 429}
QUICK = (*ANSWERS, "garbage", "half", "hang-up", "giant")
SLOW = ("silence", "drip")
LONGER_THAN_ANYBODY_WAITS = 7.0


class FailingReceiver:
    """`faults` strike an attempt with the given chance, at most `patience` times a notification.

    A notification of an order that `refuses` names is answered 500 for ever.
    """

    def __init__(
        self,
        seed: str,
        faults: tuple[str, ...] = (),
        chance: float = 0.0,
        patience: int = 3,
        refused_share: float = 0.0,
    ) -> None:
        self.received: list[ReceivedNotification] = []
        self.faults: Counter[str] = Counter()
        self._seed, self._kinds, self._chance = seed, faults, chance
        self._patience, self._refused_share = patience, refused_share
        self._attempts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def refuses(self, order_id: str) -> bool:
        return random.Random(f"{self._seed} {order_id}").random() < self._refused_share

    def open(self) -> None:
        """Listen, on the port it had before if it had one."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_POST(self) -> None:
                receiver._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Whoever was killed gets no answer."""

        self._closing.clear()
        self._server = Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Gone: connections are refused, and those that are open come to nothing."""
        server, self._server = self._server, None
        if server is not None:
            self._closing.set()
            server.shutdown()
            server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        notification = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        if "OrderId" not in notification:
            _say(request, 200)  # the ping of the configuration
            return
        event = request.headers.get("webhook-id", "")
        with self._lock:
            fault = self._fault(event, notification["OrderId"])
            fields = (notification["OrderId"], notification["State"], notification["LastState"])
            self.received.append(ReceivedNotification(event, *fields, accepted=fault is None))
            if fault:
                self.faults[fault] += 1
        if fault is None:
            _say(request, 200)
        else:
            self._suffer(request, fault)

    def _fault(self, event: str, order_id: str) -> str | None:
        self._attempts[event] += 1
        attempt = self._attempts[event]
        if self.refuses(order_id):
            return "500"
        dice = random.Random(f"{self._seed} {event} {attempt}")
        if attempt > self._patience or dice.random() >= self._chance:
            return None
        return dice.choice(self._kinds)

    def _suffer(self, request: BaseHTTPRequestHandler, fault: str) -> None:
        if fault in ANSWERS:
            _say(request, ANSWERS[fault])
            return
        request.close_connection = True
        match fault:
            case "garbage":
                request.wfile.write(b"\x00\xffEHLO there\r\n\r\n" * 20)
            case "half":
                request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            case "giant":
                self._pour(request)
            case "drip":
                self._drip(request)
            case "silence":
                self._closing.wait(LONGER_THAN_ANYBODY_WAITS)
        with contextlib.suppress(OSError):
            request.connection.shutdown(socket.SHUT_RDWR)

    def _pour(self, request: BaseHTTPRequestHandler) -> None:
        """A refusal with a body that has no end."""
        with contextlib.suppress(OSError):
            request.wfile.write(b"HTTP/1.1 500 No\r\nContent-Length: 99999999999\r\n\r\n")
            for _ in range(2_000):
                request.wfile.write(b"x" * 65_536)

    def _drip(self, request: BaseHTTPRequestHandler) -> None:
        """A status line that takes its time, byte after byte."""
        until = time.monotonic() + LONGER_THAN_ANYBODY_WAITS
        with contextlib.suppress(OSError):
            for byte in b"HTTP/1.1 200 O" + b"K" * 1_000:
                if time.monotonic() > until or self._closing.wait(0.2):
                    return
                request.wfile.write(bytes([byte]))


def _say(request: BaseHTTPRequestHandler, status: int) -> None:
    request.send_response(status)
    if status == 302:
        request.send_header("Location", "/elsewhere")
    if status in (429, 503):
        request.send_header("Retry-After", "1")
    request.send_header("Content-Length", "0")
    request.end_headers()
