"""An event as it is shown to who reads the ledger: by the API, and in outgoing streams."""

from typing import Any

from oms_ledger.eventstore.records import RecordedEvent, instant
from oms_ledger.orders.documents.history import readable
from oms_ledger.orders.events import Event
from oms_ledger.orders.instants import PII_ZONE, spell


def entry(row: RecordedEvent, event: Event, *, personal: bool = True) -> dict[str, Any]:
    """An event's fields, with those that name a person left out unless they are asked for."""
    return {
        "version": row.version,
        "position": row.position,
        "at": spell(instant(row.at), PII_ZONE),
        "actor": row.actor,
        "cause": row.cause,
        "name": row.name,
        "statusBefore": row.status_before,
        "status": row.status,
        "data": readable(event, personal=personal),
    }
