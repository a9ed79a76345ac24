"""How sessions reach hooks: their configuration, what they have waiting, and the way to them."""

import structlog
from sqlalchemy import Connection

from oms_ledger.cell import Cell
from oms_ledger.notifications.channel import WEBHOOK
from oms_ledger.services.notifications.outbox import Endpoints
from oms_ledger.services.outbox.outcomes import Outcome
from projections.notifications import deliveries, hooks
from projections.notifications.deliveries import delivery_lease
from projections.notifications.hooks import Hook
from projections.outbox import claims
from projections.outbox.messages import StoredMessage

log = structlog.get_logger(__name__)


class HookTransport:
    """The channel `webhook`; its recipients are app keys."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._endpoints = Endpoints(cell)

    def lease_of(self, app_key: str) -> str:
        """The lease by which a hook is claimed."""
        return delivery_lease(app_key)

    async def send(self, hook: Hook, message: StoredMessage) -> Outcome:
        """Post one notification."""
        return await self._endpoints.send(hook, message)

    async def close(self) -> None:
        """Let go of connections."""
        await self._endpoints.close()

    def open(self, app_key: str, limit: int) -> tuple[Hook | None, list[StoredMessage]]:
        """The hook, None when it is gone, and so much of what it may be sent now."""
        with self._cell.database.snapshot() as connection:
            hook = hooks.get(connection, app_key, self._cell.encryption)
            return hook, self._waiting(connection, app_key, limit)

    def more(self, app_key: str, limit: int) -> list[StoredMessage]:
        """What the hook may be sent now."""
        with self._cell.database.reading() as connection:
            return self._waiting(connection, app_key, limit)

    def _waiting(self, connection: Connection, app_key: str, limit: int) -> list[StoredMessage]:
        return claims.waiting(connection, WEBHOOK, app_key, self._cell.clock.micros(), limit)

    def is_due(self, app_key: str) -> bool:
        """Whether the hook has something waiting that it may be sent now."""
        with self._cell.database.reading() as connection:
            return bool(deliveries.with_due(connection, self._cell.clock.micros(), app_key))

    def due(self) -> list[str]:
        """All hooks of which that is so."""
        with self._cell.database.reading() as connection:
            return deliveries.with_due(connection, self._cell.clock.micros())

    def pause(self, connection: Connection, app_key: str, reason: str) -> None:
        """Hold the hook until a person resumes it."""
        hooks.hold(connection, app_key, reason, self._cell.clock.micros())
        log.warning("hook_paused", hook=app_key, reason=reason)
