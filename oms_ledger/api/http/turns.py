"""Turns of requests in a web process: fair between accounts, bounded in number and in waiting.

A request takes a turn once its account is known, and gives it back with its answer. Accounts that
wait take turns with each other, and none has more than half of them. Who would wait for longer
than `PATIENCE` is answered 503 with `Retry-After` at once, so that what is accepted is answered
soon, and the process is free again as soon as the load is gone.
"""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from oms_ledger.api.http.errors import ApiError, body_of

SLOTS = 64
"""Turns that are taken at a time; one account has half of them at most."""

PATIENCE = 1.0
"""Seconds that a request waits for its turn."""

FEWEST, UNKNOWN = 16, 128
"""Requests that may wait, however slow the process is, and while its pace is not known."""

BEAT, LATE = 0.05, 0.1
"""Seconds between two beats of the event loop, and how late one may be before few may wait."""

BEATS = 40
"""Beats after the last request; then the loop is left to sleep."""

INSIDE = 2048
"""Requests that a process has in hand, those without a turn included."""

WITHOUT = frozenset({"account_events", "health", "documentation"})
"""Operations that take no turn: they cost nothing while they wait for something to happen."""


def overloaded() -> ApiError:
    """503 with `Retry-After`, for who should come back in a second."""
    message = "Too many requests at the moment: try again"
    return ApiError(503, "OMS503", message, {"Retry-After": "1"})


class Turns:
    """The turns of one process. Everything happens on its event loop; `clock` says seconds."""

    def __init__(
        self,
        slots: int = SLOTS,
        patience: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slots, self._share = slots, max(1, slots // 2)
        self._patience = PATIENCE if patience is None else patience
        self._clock, self._pace, self._heart = clock, RateLimiter(clock), Heart(clock)
        self.taken: Counter[str] = Counter()
        self.waiting = 0
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def full(self, account: str, inside: int = 0) -> bool:
        """Whether a request of the account would be refused: as many wait as can be served soon.

        Half of the room is left to others. `inside` is how many of the account's requests are in
        hand, those included that have not come to their turn yet.
        """
        room = self._room()
        ours = max(1, room // 2)
        return (
            self.waiting >= room
            or len(self._queues.get(account, ())) >= ours
            or inside >= self._share + ours
        )

    def _room(self) -> int:
        """Requests that may wait. When the event loop itself is late, they are few: what is
        refused early costs it least.
        """
        if self._heart.late() > LATE:
            return FEWEST
        return max(FEWEST, int(self._pace.per_second(UNKNOWN) * self._patience))

    def arrival(self) -> float:
        """When a request that is seen now came, as far as the event loop's own delay shows."""
        return self._clock() - self._heart.late()

    async def take(self, account: str, arrived: float | None = None) -> None:
        """Wait for a turn; 503 when too many wait already, or when it does not come soon.

        Soon is counted from when the request came: what was on its way for too long is refused,
        because its client is about to give up, and others behind it are not.
        """
        left = self._patience
        if arrived is not None:
            left -= self._clock() - arrived
            if left <= 0:
                raise overloaded()
        if account not in self._queues and self._free(account):
            self.taken[account] += 1
            return
        if self.full(account):
            raise overloaded()
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(account, deque()).append(turn)
        self.waiting += 1
        try:
            async with asyncio.timeout(left):
                await turn
        except BaseException as error:
            self._leave(account, turn)
            if isinstance(error, TimeoutError):
                raise overloaded() from None
            raise

    def refund(self, account: str) -> None:
        """End a turn of the account; the next that waits gets it."""
        self._pace.count()
        self._end(account)

    def _free(self, account: str) -> bool:
        return self.taken.total() < self._slots and self.taken[account] < self._share

    def _end(self, account: str) -> None:
        self.taken[account] -= 1
        if not self.taken[account]:
            del self.taken[account]
        self._hand_over()

    def _leave(self, account: str, turn: asyncio.Future[None]) -> None:
        """Whoever waits no longer; a turn that came at the same moment goes to the next."""
        if turn.done() and not turn.cancelled():
            self._end(account)
            return
        queue = self._queues.get(account, deque())
        if turn in queue:
            queue.remove(turn)
            self.waiting -= 1
            if not queue:
                del self._queues[account]

    def _hand_over(self) -> None:
        """Give free turns to who waits, one account after the other."""
        for account in list(self._queues):
            if self.taken.total() >= self._slots:
                return
            if not self._free(account):
                continue
            queue = self._queues[account]
            turn = self._next(queue)
            if turn is not None:
                turn.set_result(None)
                self.taken[account] += 1
            if queue:
                self._queues.move_to_end(account)
            else:
                del self._queues[account]

    def _next(self, queue: deque[asyncio.Future[None]]) -> asyncio.Future[None] | None:
        """The next that still waits; who gave up may not have come to leave the queue yet."""
        while queue:
            turn = queue.popleft()
            self.waiting -= 1
            if not turn.done():
                return turn
        return None


class Heart:
    """Says how late the event loop is: with callbacks, and so with requests that came meanwhile.

    It beats while it is read, and rests when nobody read it for a while: an idle process sleeps.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = 0.0
        self._left = 0

    def late(self) -> float:
        """Seconds; 0 when it was not asked for a while."""
        loop = asyncio.get_running_loop()
        self._left = BEATS
        if loop is not self._loop:
            self._loop = loop
            self._beat()
        return max(0.0, self._clock() - self._due)

    def _beat(self) -> None:
        if not self._left or self._loop is None:
            self._loop = None
            return
        self._left -= 1
        self._due = self._clock() + BEAT
        self._loop.call_later(BEAT, self._beat)


class RateLimiter:
    """How many turns end a second, by the second before and the one that goes on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._counted, self._before = 0, None

    _before: int | None

    def count(self) -> None:
        """Count one turn that ended."""
        self._roll()
        self._counted += 1

    def per_second(self, unknown: int) -> int:
        """`unknown` while nothing was asked for a second ago."""
        self._roll()
        return max(self._counted, unknown if self._before is None else self._before)

    def _roll(self) -> None:
        gone = self._clock() - self._since
        if gone >= 1:
            self._before = self._counted if gone < 2 and self._counted else None
            self._counted, self._since = 0, self._since + int(gone)


class Ticket:
    """What one request has taken; all of it is given back with its answer."""

    def __init__(self, turns: Turns) -> None:
        self._turns, self._arrived = turns, turns.arrival()
        self._account: str | None = None
        self._costly: tuple[Counter[tuple[str, str]], tuple[str, str]] | None = None

    async def take_turn(self, account: str) -> None:
        """Wait for a turn of the account, once; 503 when none comes in time."""
        if self._account is None:
            await self._turns.take(account, self._arrived)
            self._account = account

    def begin(self, running: Counter[tuple[str, str]], what: tuple[str, str]) -> None:
        """Count one of the account's costly operations, of which few go on at a time."""
        running[what] += 1
        self._costly = running, what

    def refund(self) -> None:
        """Give everything back."""
        if self._account is not None:
            self._turns.refund(self._account)
        if self._costly is not None:
            running, what = self._costly
            running[what] -= 1


class Admission:
    """Gives each request its ticket, and refuses what could not be served soon before anything."""

    def __init__(self, app: ASGIApp, turns: Turns | None = None, inside: int = INSIDE) -> None:
        self._app, self.turns = app, turns or Turns()
        self._most, self._inside = inside, Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let so many requests in, of an account and in all; 503 for what is beyond."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        claimed = _claimed(scope)
        crowded = claimed and self.turns.full(claimed, self._inside[claimed])
        if self._inside.total() >= self._most or crowded:
            await _refuse(scope, send)
            return
        ticket = scope.setdefault("state", {})["ticket"] = Ticket(self.turns)
        self._inside[claimed] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside[claimed] -= 1
            if not self._inside[claimed]:
                del self._inside[claimed]
            ticket.refund()


def _claimed(scope: Scope) -> str:
    """The account that the key of a request is of, by its name alone; "" when there is none.

    Nobody knows yet whether the key is good: who is refused by it would be refused anyway.
    """
    key: bytes = next((v for name, v in scope["headers"] if name == b"x-vtex-api-appkey"), b"")
    parts = key.split(b"-")
    return parts[1].decode("latin-1") if len(parts) == 3 else ""


async def _refuse(scope: Scope, send: Send) -> None:
    refusal = overloaded()
    content = body_of(scope, refusal.code, refusal.message)
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
        (b"retry-after", b"1"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
