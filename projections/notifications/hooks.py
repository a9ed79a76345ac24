"""Hooks: their configuration, secrets and pauses, and the destination of their subscriptions."""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.notifications.webhook import notification_body
from projections.notifications.deliveries import (
    delivery_lease,
    enqueue,
    hook_subscription,
)
from projections.notifications.feeds import SECOND
from projections.subscriptions import checkpoints, leases
from projections.subscriptions.checkpoints import now_micros
from projections.subscriptions.notification import Notification
from projections.subscriptions.sink import SubscriptionSink, forget
from projections.tables import deliveries, hooks

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
    consecutive_failures: int = 0
    circuit_open_until: int = 0
    paused_at: int | None = None
    pause_reason: str | None = None

    def is_open(self, now: int) -> bool:
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
        now, key = now_micros(), self.app_key
        rows = [
            {
                "position": notification.position,
                "event_id": notification.event_id,
                "order_id": notification.order_id,
                "notification": notification_body(self.account, key, notification),
                "produced_at": now,
                "due_at": now,
                "replayed": notification.replayed,
            }
            for notification in notifications
        ]
        fresh = [{**row, "app_key": key} for row in rows if not row["replayed"]]
        if fresh:
            connection.execute(insert(deliveries), fresh)
        enqueue(connection, key, [row for row in rows if row["replayed"]])
        mine = hooks.c.app_key == key
        connection.execute(update(hooks).where(mine).values(last_notification_at=now))


def get(connection: Connection, app_key: str, encryption: Encryption) -> Hook | None:
    row = connection.execute(select(hooks).where(hooks.c.app_key == app_key)).one_or_none()
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
        consecutive_failures=row.consecutive_failures,
        circuit_open_until=row.circuit_open_until,
        paused_at=row.paused_at,
        pause_reason=row.pause_reason,
    )


def configure(connection: Connection, hook: Hook, head: int, encryption: Encryption) -> str | None:
    """Create or replace; the signing secret of a new hook, None for a known one.

    An equal configuration leaves subscription, pending pushes and memory of fired orders alone;
    what is known of the endpoint's failures is forgotten, since it has just answered a ping.
    """
    place, known = hook_subscription(hook.app_key), get(connection, hook.app_key, encryption)
    values: dict[str, Any] = {
        "account": hook.account,
        "filter": json.dumps(hook.filter),
        "url": hook.url,
        "headers": encryption.seal(json.dumps(hook.headers).encode(), place),
        "consecutive_failures": 0,
        "circuit_open_until": 0,
    }
    if known is None:
        secret, now = hook.secret or new_secret(), now_micros()
        connection.execute(
            insert(hooks).values(
                **values,
                app_key=hook.app_key,
                secret=encryption.seal(secret.encode(), place),
                generation=secrets.token_hex(4),
                created_at=now,
                last_notification_at=now,
            )
        )
        checkpoints.create(connection, place, head, kind="hook")
        return secret
    if known.filter != hook.filter:
        leases.fence(connection, place)
        forget(connection, place)
    _change(connection, hook.app_key, values)
    return None


def _change(connection: Connection, app_key: str, values: dict[str, Any]) -> bool:
    """Change a hook, and have whoever says it now begin again; False when there is none.

    Everybody locks the leases of a hook before the hook itself.
    """
    leases.fence(connection, delivery_lease(app_key))
    mine = hooks.c.app_key == app_key
    return connection.execute(update(hooks).where(mine).values(values)).rowcount > 0


def new_secret() -> str:
    """A signing secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def rotate(
    connection: Connection,
    app_key: str,
    encryption: Encryption,
    overlap_seconds: int = BOTH_SECRETS,
) -> tuple[str, int] | None:
    """A new secret, and until when the previous one signs too; None when there is no hook.

    `both_for` in seconds; with 0 the previous secret is worth nothing from now on.
    """
    known, secret = get(connection, app_key, encryption), new_secret()
    if known is None:
        return None
    place, until = hook_subscription(app_key), now_micros() + overlap_seconds * SECOND
    values = {
        "secret": encryption.seal(secret.encode(), place),
        "previous_secret": encryption.seal(known.secret.encode(), place)
        if overlap_seconds
        else None,
        "previous_until": until,
    }
    _change(connection, app_key, values)
    return secret, until


def pause(connection: Connection, app_key: str, reason: str | None = None) -> bool:
    """From now on it gets nothing, and pending all the same; False when there is no hook.

    `reason` where nobody asked for it.
    """
    values = {"paused_at": now_micros(), "pause_reason": reason}
    return _change(connection, app_key, values)


def resume(connection: Connection, app_key: str) -> bool:
    """It gets again, beginning with what was pending; the three days of each notification begin
    again.
    """
    values = {
        "paused_at": None,
        "pause_reason": None,
        "resumed_at": now_micros(),
        "consecutive_failures": 0,
        "circuit_open_until": 0,
    }
    return _change(connection, app_key, values)


def remove(connection: Connection, app_key: str) -> bool:
    """The hook, what it has pending and its subscriptions; False when there is none."""
    leases.drop(connection, delivery_lease(app_key))
    checkpoints.drop(connection, hook_subscription(app_key))
    forget(connection, hook_subscription(app_key))
    connection.execute(delete(deliveries).where(deliveries.c.app_key == app_key))
    return connection.execute(delete(hooks).where(hooks.c.app_key == app_key)).rowcount > 0


def remove_unused(connection: Connection, now: int) -> list[str]:
    """Remove hooks without a notification for three days that have none pending; their keys.

    A hook that has not evaluated every event of its account may still get one, so it stays. Its
    leases are locked first: whoever evaluates waits, and finds its subscription gone with
    nothing pending.
    """
    stale = hooks.c.last_notification_at < now - UNUSED
    gone = []
    for key, account in connection.execute(
        select(hooks.c.app_key, hooks.c.account).where(stale)
    ).all():
        for lease in (delivery_lease(key), hook_subscription(key)):
            leases.lock(connection, lease)
        position = checkpoints.position(connection, hook_subscription(key))
        pending = select(deliveries.c.position).where(deliveries.c.app_key == key).limit(1)
        still = select(hooks.c.app_key).where(hooks.c.app_key == key, stale)
        if (
            position is not None
            and position >= checkpoints.account_head(connection, account)
            and connection.execute(pending).first() is None
            and connection.execute(still).first() is not None
        ):
            remove(connection, key)
            gone.append(key)
    return gone


def of_account(connection: Connection, account: str | None, encryption: Encryption) -> list[Hook]:
    """The hooks of an account, or all."""
    query = select(hooks).order_by(hooks.c.account, hooks.c.app_key)
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
