"""A time stamp authority of RFC 3161 on a loopback port, for tests; it signs nothing.

Its answers have the published form; `status`, `nonce` and `imprint` make it answer otherwise.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
TST_INFO = bytes.fromhex("060b2a864886f70d0109100104")
POLICY = bytes.fromhex("06032a0304")
SHA256 = bytes.fromhex("300d06096086480165030402010500")


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content


@dataclass
class Authority:
    port: int = 0
    status: int = 0
    nonce: bytes | None = None
    imprint: bytes | None = None
    raw: bytes | None = None
    received: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/tsr"

    def answer(self, request: bytes) -> bytes:
        self.received.append(request)
        if self.raw is not None:
            return self.raw
        # The request: 30 len, version (3 bytes), imprint of SHA-256 (51), nonce, certReq (3).
        imprint, nonce = request[5:56], request[56:-3]
        info = der(
            0x30,
            b"\x02\x01\x01",
            POLICY,
            self.imprint or imprint,
            b"\x02\x01\x07",
            der(0x18, b"20260102030405Z"),
            self.nonce or nonce,
        )
        content = der(0x30, TST_INFO, der(0xA0, der(0x04, info)))
        signed = der(0x30, b"\x02\x01\x03", der(0x31, SHA256), content, der(0x31))
        token = der(0x30, SIGNED_DATA, der(0xA0, signed))
        status = der(0x30, der(0x02, bytes((self.status,))))
        return der(0x30, status, token) if self.status < 2 else der(0x30, status)


def imprint_of(text: bytes) -> bytes:
    return der(0x30, SHA256, der(0x04, hashlib.sha256(text).digest()))


@contextmanager
def authority() -> Iterator[Authority]:
    made = Authority()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = made.answer(body)
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
