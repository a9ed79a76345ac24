"""`Idempotency-Key` on any POST, PATCH or PUT: the same request again gets the first answer.

The key is good for one operation, path and body; bodies are compared as JSON. What happens to it
is the ledger's (`ledger.repeats`); here it is read, and a replayed answer is marked by the header
`Idempotent-Replayed`.
"""

import hashlib
import re
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oms_ledger.api.http.errors import body_of
from oms_ledger.eventstore.idempotency import IdempotencyScope

STATE = "idempotency"  # where the scope of the request is kept
METHODS = {"POST", "PATCH", "PUT"}
_KEY = re.compile(rb"[\x20-\x7e]{1,255}")


class IdempotencyMiddleware:
    """Carries the key of a request to its commands, which answer it once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the key to the commands of a request; mark an answer that was given before."""
        if scope["type"] != "http" or scope["method"] not in METHODS:
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"idempotency-key", b"").strip()
        if not given:
            await self._app(scope, receive, send)
            return
        if not _KEY.fullmatch(given):
            await _refuse(scope, send)
            return
        body: list[bytes] = []

        async def noted() -> Message:
            message = await receive()
            body.append(message.get("body", b""))
            return message

        attempt = IdempotencyScope(given.decode(), lambda: requested(scope, b"".join(body)))

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and attempt.replayed:
                extra = (b"idempotent-replayed", b"true")
                message["headers"] = [*message.get("headers", []), extra]
            await send(message)

        scope["state"][STATE] = attempt
        await self._app(scope, noted, marked)


def requested(scope: Scope, body: bytes) -> str:
    """Method, path and query, and a digest of the body that does not depend on its spelling."""
    try:
        fields = orjson.dumps(orjson.loads(body) or None, option=orjson.OPT_SORT_KEYS)
    except ValueError:
        fields = body.strip() or b"null"
    query = scope["query_string"].decode("latin-1")
    where = f"{scope['method']} {scope['path']}{'?' if query else ''}{query}"
    return f"{where} {hashlib.sha256(fields).hexdigest()}"


def describe(schema: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI description with the header at every operation that takes it."""
    for methods in schema["paths"].values():
        for method, operation in methods.items():
            parameters = operation.setdefault("parameters", [])
            if method.upper() in METHODS and _HEADER not in parameters:
                parameters.append(_HEADER)
    return schema


_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Ours. The same request again under the same key gets the first answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "8f14e45f-ea0d-4c1b-9c52-3b1d2a7c6e10",
}


async def _refuse(scope: Scope, send: Send) -> None:
    headers = [(b"content-type", b"application/json; charset=utf-8")]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    message = "Idempotency-Key: expected 1 to 255 printable ASCII characters"
    await send({"type": "http.response.body", "body": body_of(scope, "OMS004", message)})
