"""Slows whoever guesses credentials, and nobody who has them.

Failures are counted by key and address. Past the limit a wrong credential is answered 429 instead
of 401; a right one always opens, so that nobody locks a key out by failing with it.
"""

import time
from collections.abc import Callable

from fastapi import Request

from oms_ledger.api.http.errors import ApiError, unauthorized

LIMIT = 20
"""Failures a minute of one key from one address."""
MINUTE = 60.0
_MOST = 10_000
"""Pairs of key and address that are remembered at most."""


class FailedCredentials:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], tuple[float, int]] = {}

    def refusal(self, request: Request, name: str) -> ApiError:
        """Count one failure of a key or user; the answer to it, 401 or 429 with `Retry-After`."""
        address = request.client.host if request.client else ""
        now, who = self._clock(), (name[:256], address)
        began, count = self._failures.get(who, (now, 0))
        if now - began >= MINUTE:
            began, count = now, 0
        if who not in self._failures and len(self._failures) >= _MOST:
            self._failures.clear()
        self._failures[who] = (began, count + 1)
        if count < LIMIT:
            return unauthorized(request.scope["path"])
        wait = str(max(1, int(began + MINUTE - now)))
        message = "Too many failed credentials. Check key and token, and try again in a minute"
        return ApiError(429, "OMS429", message, {"Retry-After": wait})
