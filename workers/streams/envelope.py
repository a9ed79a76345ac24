"""An event as CloudEvents have it, in their JSON format (version 1.0)."""

from dataclasses import dataclass

import orjson

from oms_ledger.deciders import EVENT_TYPES
from oms_ledger.eventstore.records import RecordedEvent
from oms_ledger.services.event_entry import entry


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """What a destination is given of an event; `body` is the whole envelope.

    The numbers of an account rise, and an event has one number in whichever cell: its position,
    until the account moves (`RecordedEvent.identity`).
    """

    number: int
    order_id: str
    name: str
    body: bytes


def outgoing_event(account: str, row: RecordedEvent) -> OutgoingEvent:
    """Put an event into its envelope; `source` and `id` together name it once and for all."""
    assert row.order_id is not None, "an account's own event is not sent"
    event = EVENT_TYPES.decode(row.name, bytes(row.body), None)
    data = {"orderId": row.order_id, **entry(row, event, personal=False)}
    envelope = {
        "specversion": "1.0",
        "id": str(row.identity),
        "source": f"/accounts/{account}",
        "type": f"order.{row.name}",
        "subject": row.order_id,
        "time": data["at"],
        "partitionkey": row.order_id,
        "datacontenttype": "application/json",
        "data": data,
    }
    return OutgoingEvent(row.identity, row.order_id, row.name, orjson.dumps(envelope))
