"""An OpenID provider on loopback that signs in whoever it is told to, or answers amiss."""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "oms-ledger", "client secret"


@cache
def _known_key() -> RSAKey:
    """Made once: it is dear."""
    return RSAKey.generate_key(2048, auto_kid=True)


@dataclass
class Provider:
    """`claims` stand over those of an honest answer; `key` signs it."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    known_key: RSAKey = field(default_factory=_known_key)
    key: RSAKey | None = None
    now: int = 0
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def metadata(self) -> dict[str, str]:
        names = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.issuer} | {k: f"{self.issuer}/{v}" for k, v in names.items()}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is led after the person signed in."""
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        basic = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        requested = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if basic != f"{CLIENT}:{SECRET}" or not requested:
            return 400, {"error": "invalid_grant"}
        if challenge != requested["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "1",
            "exp": self.now + 300,
            "iat": self.now,
            "auth_time": self.now,
            "nonce": requested["nonce"],
            "email": "ana@example.com",
            "email_verified": True,
            **self.claims,
        }
        key = self.key or self.known_key
        signed = jwt.encode({"alg": "RS256", "kid": self.known_key.kid}, claims, key)
        return 200, {"access_token": "t", "token_type": "Bearer", "id_token": signed}


@contextmanager
def openid_provider(now: int) -> Iterator[Provider]:
    """A provider that runs; `now` in seconds since 1970."""
    provider = Provider(now=now)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/auth":
                self.send_response(302)
                self.send_header("Location", provider.authorize(dict(parse_qsl(parts.query))))
                self.end_headers()
            elif parts.path == "/keys":
                keys = KeySet([provider.known_key]).as_dict(private=False)
                self._answer(200, dict(keys))
            else:
                self._answer(200, provider.metadata())

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            form = dict(parse_qsl(self.rfile.read(length).decode()))
            self._answer(*provider.token(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    running = threading.Thread(target=server.serve_forever)
    running.start()
    try:
        yield provider
    finally:
        server.shutdown()
        running.join()
        server.server_close()
