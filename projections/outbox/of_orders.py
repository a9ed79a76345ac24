"""What events of orders make the ledger send: projection `outbox`."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select, update

from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.folding import Page
from oms_ledger.eventstore.records import RecordedEvent, micros
from oms_ledger.eventstore.serialization import stored_name
from oms_ledger.notifications.channel import channel_of
from oms_ledger.orders.marketplace.outbox import FACT, QUESTION
from oms_ledger.orders.order import Order
from oms_ledger.orders.outbox.message import OutboxMessage
from oms_ledger.orders.outbox.rules import messages_after, outbox_events
from projections.outbox import messages
from projections.outbox.tables import outbox_messages, outbox_starts


class OutboxProjection:
    """Destination of the subscription `outbox`: what the events of a page make the ledger send.

    `found` says whether there was something, for who signals it, and takes it back; `streams`
    are those that send something.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.found = False
        self.streams: set[str] = set()

    def produce(self, page: Page) -> list[dict[str, Any]]:
        """The rows of every message that an event of the page makes the ledger send."""
        telling = {stored_name(event) for event in outbox_events()}
        streams = {row.stream for row in page.rows if row.name in telling}
        return [
            self._row(row, number, message)
            for row, event, before, after in page.transitions_of(streams)
            if isinstance(after.state, Order) and row.name in telling
            for number, message in enumerate(
                messages_after(
                    before.state if isinstance(before.state, Order) else None,
                    event,
                    after.state,
                )
            )
        ]

    def store(self, connection: Connection, produced: object) -> None:
        """Enqueue what is still to be sent, and settle what partners had open questions about."""
        assert isinstance(produced, list)
        if produced and (pending := _pending(connection, produced)):
            self.found = True
            self.streams.update(row["ordering_key"] for row in pending)
            messages.enqueue(connection, pending)
            _settle_questions(connection, pending, self._now())

    def _row(self, row: RecordedEvent, number: int, message: OutboxMessage) -> dict[str, Any]:
        message, now = replace(message, key=message.key or f"v{row.version}"), self._now()
        return {
            "id": message_id(row.stream, message),
            "channel": channel_of(message.recipient).name,
            "account": row.account,
            "recipient": message.recipient,
            "ordering_key": row.stream,
            "position": row.position,
            "number": number,
            "order_id": row.order_id,
            "version": row.version,
            "kind": message.kind,
            "key": message.key,
            "body": json.dumps(message.body).encode(),
            "state": messages.WAITING,
            "produced_at": now,
            "since": now,
            "due_at": max(now, micros(message.not_before)) if message.not_before else now,
        }


def _pending(connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what is about events from before there were messages of its kind, and what
    follows from events that another cell recorded: it is brought along.
    """
    starts = {
        (start.recipient_kind, start.kind): start.position
        for start in connection.execute(select(outbox_starts))
    }
    brought = hosting.brought(connection)
    return [
        row
        for row in rows
        if row["position"] > starts.get((row["recipient"].partition(":")[0], row["kind"]), 0)
        and row["position"] > brought.get(row["account"], 0)
    ]


def _settle_questions(connection: Connection, rows: list[dict[str, Any]], now: int) -> None:
    """A question about a cancellation that is decided holds up nothing: it is due at once."""
    for row in rows:
        if row["kind"] == FACT:
            requested = (
                outbox_messages.c.ordering_key == row["ordering_key"],
                outbox_messages.c.recipient == row["recipient"],
                outbox_messages.c.kind == QUESTION,
                outbox_messages.c.state == messages.WAITING,
                outbox_messages.c.due_at > now,
            )
            free = select(outbox_messages.c.id).where(*requested).with_for_update(skip_locked=True)
            ids = list(connection.execute(free).scalars())
            due = update(outbox_messages).where(outbox_messages.c.id.in_(ids))
            connection.execute(due.values(due_at=now))


def message_id(stream: str, message: OutboxMessage) -> str:
    """The same for the same message of the same order: whoever gets it may know it by this."""
    name = "\x1f".join((stream, message.recipient, message.kind, message.key))
    return hashlib.sha256(name.encode()).hexdigest()[:32]
