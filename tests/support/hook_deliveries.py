"""What waits for hooks, for tests and benchmarks: stored without an event, and made due."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update

from projections.notifications import deliveries
from projections.notifications.deliveries import hook_subscription
from projections.notifications.hook_letters import OF_HOOKS
from projections.outbox.messages import DEAD, WAITING
from projections.outbox.tables import outbox_messages as t
from projections.outbox.tables import outbox_recipients
from projections.subscriptions.notification import Notification, event_id
from projections.tables import leases
from tests.support.purchases import ACCOUNT

PENDING = (OF_HOOKS, t.c.state == WAITING)


def of(app_key: str) -> ColumnElement[bool]:
    return t.c.recipient == app_key


def enqueue(
    connection: Connection,
    account: str,
    app_key: str,
    orders: dict[int, str] | Iterable[int],
    now: int,
    body: str = "{}",
) -> None:
    """A notification for each position, each of an order of its own where none is named."""
    named = orders if isinstance(orders, dict) else {n: f"v{n}-01" for n in orders}
    subscription, rows = hook_subscription(app_key), list[dict[str, Any]]()
    for position, order_id in named.items():
        one = Notification(
            position, event_id(subscription, position), order_id, None, None, None, now, now
        )
        rows.append(deliveries.row_of(account, app_key, one, now, body))
    connection.execute(insert(t), rows)


def bury(connection: Connection, app_key: str, orders: dict[int, str]) -> None:
    """Dead letters of the hook, of these orders by their positions."""
    enqueue(connection, ACCOUNT, app_key, orders, 1, json.dumps({"OrderId": "x"}))
    dead = {"state": DEAD, "last_error": "HTTP 503", "completed_at": 1}
    change(connection, of(app_key), t.c.position.in_(list(orders)), **dead)


def change(connection: Connection, *conditions: ColumnElement[bool], **values: Any) -> None:
    """Change what waits for hooks."""
    lock_sessions(connection)
    connection.execute(update(t).where(*PENDING, *conditions).values(**values))


def lock_sessions(connection: Connection) -> None:
    """Nobody records attempts of any hook until the transaction ends.

    Whoever sends locks the leases before the messages too, in the same order.
    """
    held = select(leases.c.name).where(leases.c.name.startswith("delivery:"))
    connection.execute(held.order_by(leases.c.name).with_for_update()).all()


def close_circuits(connection: Connection) -> None:
    """Have every hook probed."""
    r = outbox_recipients
    hooks = r.c.channel == "webhook"
    connection.execute(update(r).where(hooks).values(circuit_open_until=0))
