"""How much an account may ask: turns, costly operations at a time, requests a minute.

Turns and costly operations are counted by each web process. Minutes are counted in Redis, so that
all web processes count together. While Redis is away each process counts for itself: a limit is a
courtesy to neighbours, and no reason to refuse an order.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping

import redis
from fastapi import Request

from oms_ledger.accounts.account import SETTINGS
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.api.http.body_limits import NO_BODY
from oms_ledger.api.http.errors import ApiError
from oms_ledger.api.http.turns import WITHOUT, Ticket
from oms_ledger.cell import Cell
from oms_ledger.services.fair_threads import ON_BEHALF_OF

MINUTE = 60
LIMITED = frozenset({"get_order", "order_group", "extended_search"})

COSTLY: Mapping[str, str] = {
    **dict.fromkeys(
        ("test_expression", "feed_explain", "hook_explain", "feed_dry_run", "hook_dry_run"),
        "concurrent_expressions",
    ),
    "extended_search": "concurrent_scans",
}
"""Operations of which an account has few at a time, and the setting that says how many."""


class Limits:
    """What each account used of its quota in this process, by the minute and at this moment."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._counted: dict[str, int] = {}
        self._running: Counter[tuple[str, str]] = Counter()

    async def admit(
        self, request: Request, account: str, operation: str, *, public: bool, counted: bool = True
    ) -> None:
        """Let a request of an account go on when it has its turn.

        503 when too many wait; 429 with `Retry-After` for what is beyond the account's quota.
        `public`: shoppers and anonymous callers of an account take turns beside its keys.
        `counted`: by the minute. The body is read before: who sends it slowly holds no turn.
        """
        queue = f"{account}:public" if public else account
        ON_BEHALF_OF.set(queue)
        if counted:
            await self._count(account, operation)
        state = request.scope.get("state", {})
        ticket: Ticket | None = state.get("ticket")
        if ticket is None or operation in WITHOUT:
            return
        if operation in COSTLY:
            await self._begin_costly(ticket, account, COSTLY[operation])
        if NO_BODY not in state:
            await request.body()
        await ticket.take_turn(queue)

    async def _begin_costly(self, ticket: Ticket, account: str, setting: str) -> None:
        try:
            allowed = (await self._cell.ledger.account(account)).setting(setting)
        except AccountNotFound:  # a key of an account that nobody opened
            allowed = SETTINGS[setting][0]
        if self._running[account, setting] >= allowed:
            what = setting.removeprefix("concurrent_")
            message = f"{allowed} {what} of the account are under way: try again in a moment"
            raise ApiError(429, "OMS429", message, {"Retry-After": "1"})
        ticket.begin(self._running, (account, setting))

    async def _count(self, account: str, operation: str) -> None:
        """Count one request; 429 with `Retry-After` when the account's minute is used up."""
        if operation not in LIMITED:
            return
        allowed = (await self._cell.ledger.account(account)).setting("rate_limit_per_minute")
        if not allowed:
            return
        now = self._cell.clock.seconds()
        if await asyncio.to_thread(self._so_far, account, int(now // MINUTE)) > allowed:
            message = f"More than {allowed} requests a minute. Try again in the next minute"
            wait = str(MINUTE - int(now % MINUTE))
            raise ApiError(429, "1", message, {"Retry-After": wait})

    def _so_far(self, account: str, minute: int) -> int:
        name = f"oms:requests:{account}:{minute}"
        try:
            counted = self._cell.redis.incr(name)
            if counted == 1:
                self._cell.redis.expire(name, 2 * MINUTE)
            return int(counted)
        except redis.RedisError:
            return self._here(name)

    def _here(self, name: str) -> int:
        if name not in self._counted and len(self._counted) > 1000:
            self._counted.clear()  # minutes that are over
        self._counted[name] = self._counted.get(name, 0) + 1
        return self._counted[name]
