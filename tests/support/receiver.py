"""A real HTTP endpoint that remembers what it hears."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.patience import HANGS


class Receiver:
    """`answers` decides the status of each request by its number, from 1."""

    def __init__(self, answers: Callable[[int], int] = lambda _: 200) -> None:
        self.received: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.requested: list[str] = []
        self._news = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with receiver._news:
                    receiver.received.append(body)
                    receiver.headers.append({k.lower(): v for k, v in self.headers.items()})
                    receiver.requested.append(f"{self.command} {self.path}")
                    status = answers(len(receiver.received))
                    receiver._news.notify_all()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_PATCH = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def wait_for(
        self, enough: Callable[[list[dict[str, Any]]], bool], seconds: float = HANGS
    ) -> None:
        with self._news:
            assert self._news.wait_for(lambda: enough(self.received), seconds), self.received

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
