"""The kind `hook`: notifications wait until the outbox dispatcher has posted them."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from oms_ledger.accounts.roles import FEED, FEED_ADMIN
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption
from projections.notifications import deliveries, hook_letters, hooks
from projections.notifications.feeds import SECOND
from projections.notifications.hooks import HookDeliveries
from projections.ops.metric import Metric
from projections.outbox.tables import outbox_recipients
from projections.subscriptions.dead_letters import DeadLetter, DeadLetters
from projections.subscriptions.kinds import KindPermissions, SubscriptionKind
from projections.tables import hooks as hooks_table


class Hooks:
    """The hooks of app keys."""

    owners = hooks_table
    letters: DeadLetters = hook_letters

    def sinks(
        self, connection: Connection, database: Database, account: str
    ) -> Sequence[HookDeliveries]:
        """The destinations of the account's hooks, by app key."""
        return hooks.destinations(connection, database, account)

    def open(
        self, database: Database, encryption: Encryption, app_key: str
    ) -> HookDeliveries | None:
        """The destination of a key's hook; None where it has none."""
        with database.snapshot() as connection:
            hook = hooks.get(connection, app_key, encryption)
        if hook is None:
            return None
        return HookDeliveries(database, app_key, hook.account, hook.filter)

    def requeue(
        self, connection: Connection, app_key: str, letters: Sequence[DeadLetter], now: int
    ) -> None:
        """Have dead letters sent once more; `now` in microseconds."""
        deliveries.requeue(connection, app_key, letters, now)


def _retain(connection: Connection, now: int, head: int, expires: bool) -> list[str]:
    """Nothing is left to do: attempts go with those of the outbox.

    Hooks that got nothing for long are removed by an event (`services.accounts.subscriptions`).
    """
    return []


def _metrics(connection: Connection, now: int, most: int | None) -> Iterator[Metric]:
    of = ("app_key",)
    pending = Metric("oms_deliveries_pending", "Notifications pending", of)
    oldest = Metric("oms_deliveries_oldest_seconds", "Age of the oldest pending notification", of)
    failures = Metric("oms_hook_consecutive_failures", "Consecutive failed attempts", of)
    quiet = Metric("oms_hook_circuit_open", "Whether a hook's circuit is open after failures", of)
    paused = Metric("oms_hook_paused", "Whether a hook is paused", of)
    h, r = hooks_table.c, outbox_recipients.c
    known: Select[Any] = select(
        h.app_key, r.consecutive_failures, r.circuit_open_until, h.paused_at
    ).join_from(hooks_table, outbox_recipients, deliveries.RECIPIENT)
    if most is not None:
        unwell = (r.consecutive_failures > 0) | h.paused_at.is_not(None)
        known = known.where(unwell).order_by(r.consecutive_failures.desc()).limit(most)
    for row in connection.execute(known):
        if most is None:
            pending.put(0, row.app_key)
            oldest.put(0, row.app_key)
        failures.put(row.consecutive_failures, row.app_key)
        quiet.put(float(row.circuit_open_until > now), row.app_key)
        paused.put(float(row.paused_at is not None), row.app_key)
    for key, count, first in deliveries.counted(connection, most):
        pending.put(count, key)
        oldest.put(max(0.0, (now - first) / SECOND), key)
    yield from (pending, oldest, failures, quiet, paused)


def _status(connection: Connection) -> dict[str, Any]:
    return {"waiting": sum(deliveries.pending(connection).values())}


def _due(connection: Connection, now: int) -> Collection[str]:
    """One signal for all hooks, so that a thousand dead ones leave room in the queue."""
    return (deliveries.DUE,) if deliveries.with_due(connection, now) else ()


KIND = SubscriptionKind(
    name="hook",
    permissions=KindPermissions(view=FEED, admin=frozenset({FEED_ADMIN})),
    retain=_retain,
    metrics=_metrics,
    status=_status,
    of_keys=Hooks(),
    dispatcher="outbox",
    due=_due,
)
