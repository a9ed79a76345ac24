"""How many requests of each operation were answered how, and how long they took."""

import time
from functools import cache

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter("oms_requests", "Requests answered", ["operation", "status"])
SECONDS = Histogram("oms_request_seconds", "Time to answer", ["operation"])


class MetricsMiddleware:
    """Counts and times requests by operation and status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            endpoint = scope.get("endpoint")
            operation = getattr(endpoint, "__name__", "unknown")
            answered, seconds = _of(operation, status)
            answered.inc()
            seconds.observe(time.perf_counter() - began)


@cache
def _of(operation: str, status: int) -> tuple[Counter, Histogram]:
    """The counters of an operation and a status: to find them costs more than to count."""
    return REQUESTS.labels(operation, str(status)), SECONDS.labels(operation)
