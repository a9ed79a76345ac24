"""The channel `webhook`: a notification is posted to its hook, signed."""

import time
from datetime import timedelta

from oms_ledger.cell import Cell
from oms_ledger.http_client.webhook_client import Sender
from oms_ledger.notifications.webhook import is_reserved, signature_headers
from oms_ledger.services.metrics import PUSH_SECONDS, PUSHES, outcome_of
from oms_ledger.services.outbox.outcomes import Delivered, Outcome, Unanswered
from oms_ledger.settings import AllowedNetwork
from projections.notifications.deliveries import REPLAY
from projections.notifications.feeds import SECOND
from projections.notifications.hooks import Hook
from projections.outbox.messages import StoredMessage

GONE = 410
"""What an endpoint answers that wants no more: Standard Webhooks has it disabled then."""
BUSY = (429, 503)


class Endpoints:
    """Posts to the endpoints of hooks; bound to a running loop."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._senders: dict[tuple[AllowedNetwork, ...], Sender] = {}

    async def send(self, hook: Hook, message: StoredMessage) -> Outcome:
        """Have a notification accepted by exactly 200."""
        at, began = self._cell.clock.micros(), time.perf_counter()
        body = message.content.decode()
        signed = signature_headers(hook.signing(at), message.id, at // SECOND, body)
        again = {"X-Hook-Replayed": "true"} if message.kind == REPLAY else {}
        own = {name: v for name, v in hook.headers.items() if not is_reserved(name)}
        answer = await self._sender(hook.account).post(hook.url, body, {**own, **signed, **again})
        PUSHES.labels(outcome_of(answer.status, answer.seen)).inc()
        PUSH_SECONDS.observe(time.perf_counter() - began)
        if answer.status == 200:
            return Delivered(200, answer.seen)
        requested = answer.retry_after if answer.status in BUSY else None
        return Unanswered(
            answer.seen,
            timedelta(seconds=requested) if requested else None,
            status=answer.status,
            quiets=bool(requested),
            needs_person=answer.status == GONE,
        )

    async def close(self) -> None:
        """Close the connections to hooks."""
        for sender in self._senders.values():
            await sender.close()

    def _sender(self, account: str) -> Sender:
        """What posts for the account: connections are shared by who may reach the same networks."""
        networks = self._cell.settings.networks_of(account)
        if networks not in self._senders:
            self._senders[networks] = Sender(networks, self._cell.clock)
        return self._senders[networks]
