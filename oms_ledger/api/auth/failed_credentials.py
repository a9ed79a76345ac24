"""Slows whoever guesses credentials, and nobody who has them.

Failures are counted by key and address. Past the limit a wrong credential is answered 429 instead
of 401; a right one always opens, so that nobody locks a key out by failing with it.
"""

import time
from collections.abc import Callable

from fastapi import Request

from oms_ledger.accounts.access import CredentialsRefused
from oms_ledger.accounts.operators import DEPLOYMENT
from oms_ledger.api.http.errors import KEY_FORM, ApiError, unauthorized
from oms_ledger.services.accounts.access_log import AccessLog

ANONYMOUS = "anonymous"
"""The actor of what is recorded of somebody whom nobody knows."""

LIMIT = 20
"""Failures a minute of one key from one address."""
MINUTE = 60.0
_MOST = 10_000
"""Pairs of key and address that are remembered at most."""


class FailedCredentials:
    """Failures of the last minute by key and address: 429 beyond `LIMIT` of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], tuple[float, int]] = {}

    async def record(self, request: Request, name: str, account: str | None) -> ApiError:
        """`refusal`, which the account's history has, or the deployment's for an unknown one.

        Only the first of many: whoever fails cannot fill the ledger.
        """
        refusal = self.refusal(request, name)
        event = CredentialsRefused(
            name if KEY_FORM.fullmatch(name) else None,
            refusal.status,
            address=request.client.host if request.client else "",
        )
        log: AccessLog = request.app.state.access_log
        cause = request.scope["state"].get("request_id")
        await log.record(account or DEPLOYMENT, event, ANONYMOUS, cause)
        return refusal

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
