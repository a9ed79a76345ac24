"""What an order remembers of its packages."""

from datetime import UTC, datetime

from oms_ledger.orders.instants import parse
from oms_ledger.orders.parts import Json


def event_at(fields: Json) -> datetime:
    """When a tracking event happened; those of imported packages are text, or say nothing."""
    at = fields.get("lastChange") or fields.get("createDate")
    if isinstance(at, str):
        at = parse(at)
    return at if isinstance(at, datetime) else datetime.min.replace(tzinfo=UTC)
