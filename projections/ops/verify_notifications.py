"""Are the notifications that wait what their events say? Those of feeds and those of hooks (G8).

A notification that is not there any more was read, or pushed: nothing shows that it is missing.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Subquery, Table, select, tuple_

from oms_ledger.eventstore.records import order_stream
from oms_ledger.eventstore.tables import events
from oms_ledger.notifications.webhook import notification_body
from projections import tables
from projections.notifications.hook_letters import OF_HOOKS
from projections.ops.differences import Difference
from projections.outbox.messages import WAITING
from projections.outbox.tables import outbox_messages
from projections.subscriptions.notification import Notification, event_id

PAGE = 1000
m = outbox_messages.c


def verify_notifications(connection: Connection) -> Iterator[Difference]:
    """Notifications of no event of the account of their key, and those that say something else."""
    for kind, name, waiting, owners in (
        ("feed", "feed_items", select(*tables.feed_items.c), tables.feeds),
        ("hook", "deliveries", _DELIVERIES, tables.hooks),
    ):
        for row in _rows(connection, waiting.subquery(), owners):
            if not _agrees(kind, row):
                account = row.owner or row.account or ""
                yield Difference(row.position, name, account, row.order_id)


_DELIVERIES = select(
    m.recipient.label("app_key"),
    m.position,
    m.id.label("event_id"),
    m.order_id,
    m.account.label("sent_by"),
    m.ordering_key,
    m.body,
).where(OF_HOOKS, m.state == WAITING)


def _rows(connection: Connection, waiting: Subquery, owners: Table) -> Iterator[Any]:
    """Each with its event and the account of its key, where they are."""
    t, e = waiting.c, events.c
    query = (
        select(
            *t, owners.c.account.label("owner"), e.account, e.stream, e.status, e.status_before,
            e.at, e.moved_before_at, e.origin_position, e.domain.label("event_domain"),
        )
        .select_from(waiting.outerjoin(owners, owners.c.app_key == t.app_key))
        .outerjoin(events, e.position == t.position)
        .order_by(t.app_key, t.position)
        .limit(PAGE)
    )  # fmt: skip
    page = connection.execute(query).all()
    while page:
        yield from page
        last = page[-1]
        beyond = tuple_(t.app_key, t.position) > tuple_(last.app_key, last.position)
        page = connection.execute(query.where(beyond)).all()


def _agrees(kind: str, row: Any) -> bool:
    if row.owner is None or row.stream != order_stream(row.owner, row.order_id):
        return False
    subscription = f"{kind}:{row.app_key}"
    expected = Notification(
        position=row.position,
        event_id=event_id(subscription, row.origin_position or row.position),
        order_id=row.order_id,
        domain=row.event_domain,
        state=row.status,
        last_state=row.status_before,
        last_change=row.at if row.moved_before_at is None else row.moved_before_at,
        current_change=row.at,
    )
    if row.event_id != expected.event_id:
        return False
    if kind == "hook":
        said = notification_body(row.owner, row.app_key, expected).encode()
        place = (row.sent_by, row.ordering_key) == (row.owner, row.stream)
        return place and bytes(row.body) == said
    answer = (row.domain, row.state, row.last_state, row.last_change, row.current_change)
    return answer == (
        expected.domain,
        expected.state,
        expected.last_state,
        expected.last_change,
        expected.current_change,
    )
