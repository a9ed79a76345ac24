"""Hooks: their configuration, secrets and pauses, and the destination of their subscriptions."""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, select, update

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.store import last_order_position, last_position
from oms_ledger.notifications.channel import WEBHOOK
from projections.notifications import deliveries
from projections.notifications.deliveries import (
    RECIPIENT,
    delivery_lease,
    hook_subscription,
)
from projections.notifications.feeds import SECOND
from projections.notifications.hook_letters import OF_HOOKS
from projections.outbox.messages import WAITING
from projections.outbox.tables import outbox_messages, outbox_recipients
from projections.subscriptions import checkpoints, leases
from projections.subscriptions.notification import Notification, insert_missing
from projections.subscriptions.sink import SubscriptionSink, forget
from projections.tables import hooks

UNUSED = 3 * 86_400 * SECOND
BOTH_SECRETS = 86_400
"""Seconds that the previous secret goes on signing beside a new one, unless given otherwise."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook as configured; instants in microseconds.

    `secret` is that of a new hook, or empty, in a request for configuration. `failures` in a
    row, and until when it is skipped because of them (`circuit_open_until`).
    """

    app_key: str
    account: str
    filter: dict[str, Any]
    url: str
    headers: dict[str, str]
    secret: str = ""
    previous_secret: str | None = None
    previous_until: int = 0
    resumed_at: int = 0
    consecutive_failures: int = 0
    circuit_open_until: int = 0
    paused_at: int | None = None
    pause_reason: str | None = None

    def is_open(self, now: int) -> bool:
        """Whether it is sent to at an instant (microseconds): not paused, its circuit closed."""
        return self.paused_at is None and self.circuit_open_until <= now

    def signing(self, now: int) -> tuple[str, ...]:
        """The secrets that sign at this instant: two while one is rotated."""
        former = self.previous_secret
        return (self.secret,) if not former or now >= self.previous_until else (self.secret, former)


class HookDeliveries(SubscriptionSink):
    """Destination of a hook's subscription: what the hook has pending."""

    def __init__(
        self,
        database: Database,
        app_key: str,
        account: str,
        filter: dict[str, Any],
    ) -> None:
        super().__init__(database, hook_subscription(app_key), account, filter)
        self.app_key = app_key

    def store_notifications(
        self, connection: Connection, notifications: Sequence[Notification]
    ) -> None:
        """Put them into the outbox, due at once."""
        now, key = self.database.clock.micros(), self.app_key
        deliveries.enqueue(connection, self.account, key, notifications, now)
        mine = hooks.c.app_key == key
        connection.execute(update(hooks).where(mine).values(last_notification_at=now))


_CIRCUIT = (outbox_recipients.c.consecutive_failures, outbox_recipients.c.circuit_open_until)
_HOOKS = select(hooks, *_CIRCUIT).join(outbox_recipients, RECIPIENT)


def get(connection: Connection, app_key: str, encryption: Encryption) -> Hook | None:
    """The key's hook, its secrets in plain; None where it has none."""
    row = connection.execute(_HOOKS.where(hooks.c.app_key == app_key)).one_or_none()
    return None if row is None else _hook(row, encryption)


def _hook(row: Row[Any], encryption: Encryption) -> Hook:
    place = hook_subscription(row.app_key)
    former = row.previous_secret
    return Hook(
        app_key=row.app_key,
        account=row.account,
        filter=json.loads(row.filter),
        url=row.url,
        headers=json.loads(encryption.open(bytes(row.headers), place)),
        secret=encryption.open(bytes(row.secret), place).decode(),
        previous_secret=None if former is None else encryption.open(bytes(former), place).decode(),
        previous_until=row.previous_until,
        resumed_at=row.resumed_at,
        consecutive_failures=row.consecutive_failures,
        circuit_open_until=row.circuit_open_until,
        paused_at=row.paused_at,
        pause_reason=row.pause_reason,
    )


def fresh(now: int) -> dict[str, Any]:
    """What a new hook begins with besides its configuration."""
    return {"generation": secrets.token_hex(4), "last_notification_at": now}


def changing(
    connection: Connection, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> None:
    """What goes along with a change of a hook's row.

    A new hook starts after the last event. Another filter fences whoever is evaluating by the
    previous one, and clears the memory of fired orders. Whoever delivers begins again. A hook goes
    with what it has pending. Everybody locks the leases of a hook before the hook itself.
    """
    app_key = (after or before or {})["app_key"]
    subscription, delivery = hook_subscription(app_key), delivery_lease(app_key)
    if before is None:
        assert after is not None
        recipient = {"channel": WEBHOOK.name, "account": after["account"], "recipient": app_key}
        insert_missing(connection, outbox_recipients, [recipient])
        if checkpoints.position(connection, subscription) is None:
            checkpoints.create(connection, subscription, last_position(connection), kind="hook")
        return
    if after is None:
        leases.drop(connection, delivery)
        checkpoints.drop(connection, subscription)
        forget(connection, subscription)
        m, r = outbox_messages.c, outbox_recipients.c
        mine = (OF_HOOKS, m.recipient == app_key, m.state == WAITING)
        connection.execute(delete(outbox_messages).where(*mine))
        of = (r.channel == WEBHOOK.name, r.account == before["account"], r.recipient == app_key)
        connection.execute(delete(outbox_recipients).where(*of))
        return
    if before["filter"] != after["filter"]:
        leases.fence(connection, subscription)
        forget(connection, subscription)
    leases.fence(connection, delivery)


def forget_failures(connection: Connection, app_key: str) -> None:
    """Its endpoint has just answered, or somebody says that it will: deliver at once."""
    leases.fence(connection, delivery_lease(app_key))
    r = outbox_recipients.c
    mine = (r.channel == WEBHOOK.name, r.recipient == app_key)
    calm = {"consecutive_failures": 0, "circuit_open_until": 0}
    connection.execute(update(outbox_recipients).where(*mine).values(calm))


def hold(connection: Connection, app_key: str, reason: str, now: int) -> None:
    """Pause it because of what its endpoint answered: nobody configured that.

    It goes on when somebody resumes it.
    """
    leases.fence(connection, delivery_lease(app_key))
    mine = hooks.c.app_key == app_key
    held = {"paused_at": now, "pause_reason": reason}
    connection.execute(update(hooks).where(mine).values(held))


def new_secret() -> str:
    """A signing secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def unused(connection: Connection, now: int) -> list[tuple[str, str]]:
    """Accounts and keys of hooks without a notification for three days."""
    query = select(hooks.c.account, hooks.c.app_key).where(_is_stale(now))
    return [(account, app_key) for account, app_key in connection.execute(query)]


def is_unused(connection: Connection, account: str, app_key: str, now: int) -> bool:
    """Whether a hook has had no notification for three days, and has none pending.

    One that has not evaluated every event of its account's orders may still get one. Its leases
    are locked: whoever evaluates waits until the transaction ends.
    """
    for lease in (delivery_lease(app_key), hook_subscription(app_key)):
        leases.lock(connection, lease)
    position = checkpoints.position(connection, hook_subscription(app_key))
    still = select(hooks.c.app_key).where(hooks.c.app_key == app_key, _is_stale(now))
    return (
        position is not None
        and position >= last_order_position(connection, account)
        and not deliveries.waits(connection, app_key)
        and connection.execute(still).first() is not None
    )


def _is_stale(now: int) -> ColumnElement[bool]:
    return hooks.c.last_notification_at < now - UNUSED


def of_account(connection: Connection, account: str | None, encryption: Encryption) -> list[Hook]:
    """The hooks of an account, or all."""
    query = _HOOKS.order_by(hooks.c.account, hooks.c.app_key)
    if account is not None:
        query = query.where(hooks.c.account == account)
    return [_hook(row, encryption) for row in connection.execute(query)]


def destinations(connection: Connection, database: Database, account: str) -> list[HookDeliveries]:
    """Of all hooks of the account, in a stable order."""
    query = (
        select(hooks.c.app_key, hooks.c.filter)
        .where(hooks.c.account == account)
        .order_by(hooks.c.app_key)
    )
    return [
        HookDeliveries(database, row.app_key, account, json.loads(row.filter))
        for row in connection.execute(query)
    ]
