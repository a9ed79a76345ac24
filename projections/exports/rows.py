"""Orders of a question one page after another, as many as there are (G33).

Each order is written once, as it is when its page is read: pages follow creation and order id,
which never change, and orders that come while an export goes on are not waited for.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Connection, and_, or_, select

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.records import instant, order_of, order_stream
from oms_ledger.eventstore.tables import events
from oms_ledger.orders.documents.masking import mask_document
from oms_ledger.orders.documents.report import report_rows
from oms_ledger.orders.instants import zone_of
from oms_ledger.orders.status import Status, label
from projections.orders.query import OrderQuery, matching
from projections.tables import order_views as t

PAGE = 200

Place = tuple[int, str]
"""Creation in microseconds, and the order's id: after which an export goes on."""


@dataclass(frozen=True, slots=True)
class ExportedOrder:
    """An order as an export says it."""

    place: Place
    document: dict[str, Any]
    timeline: tuple[tuple[str, datetime], ...]
    delivered: bool


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """How orders are written: the zone of instants, the language of labels, masked or not.

    The zone is a name, of IANA or as Python spells an offset (`UTC-03:00`), to be stored.
    """

    zone: str
    language: str
    masked: bool

    def rows(self, order: ExportedOrder) -> list[list[str]]:
        """The lines of an order in the report: one for each line of the order."""
        return report_rows(
            self._shown(order),
            order.timeline,
            delivered=order.delivered,
            zone=_zone(self.zone),
            language=self.language,
        )

    def line(self, order: ExportedOrder) -> bytes:
        """The OMS document on a line of its own."""
        document, status = self._shown(order), order.document["status"]
        described = label(Status(status) if status else None, self.language)
        return orjson.dumps({**document, "statusDescription": described}) + b"\n"

    def _shown(self, order: ExportedOrder) -> dict[str, Any]:
        return mask_document(order.document) if self.masked else order.document


@lru_cache(64)
def _zone(name: str) -> tzinfo:
    if name.startswith(("UTC+", "UTC-")):
        zone = datetime.strptime(name.removeprefix("UTC"), "%z").tzinfo
        assert zone is not None
        return zone
    return zone_of(name)


def until(order_query: OrderQuery, now: int) -> OrderQuery:
    """The question about what was placed up to now, in microseconds."""
    low, high = order_query.created
    return replace(order_query, created=(low, now if high is None else min(high, now)))


def pages(
    database: Database, order_query: OrderQuery, after: Place | None = None
) -> Iterator[list[ExportedOrder]]:
    """The orders that match, page by page to the end; each page is a snapshot of its own."""
    while True:
        with database.snapshot() as connection:
            found = page(connection, order_query, after)
        if not found:
            return
        yield found
        after = found[-1].place


def page(
    connection: Connection, order_query: OrderQuery, after: Place | None
) -> list[ExportedOrder]:
    """The next orders after a place, by creation and id; empty at the end."""
    conditions = [matching(connection, order_query)]
    if after is not None:
        created, order_id = after
        later = or_(t.c.created_at > created, t.c.order_id > order_id)
        conditions += [t.c.created_at >= created, later]
    query = (
        select(t.c.created_at, t.c.order_id, t.c.delivered, t.c.document)
        .where(and_(*conditions))
        .order_by(t.c.created_at, t.c.order_id)
        .limit(PAGE)
    )
    rows = connection.execute(query).all()
    timelines = _timelines(connection, order_query.account, [row.order_id for row in rows])
    return [
        ExportedOrder(
            place=(row.created_at, row.order_id),
            document=orjson.loads(row.document),
            timeline=tuple(timelines[row.order_id]),
            delivered=row.delivered,
        )
        for row in rows
    ]


def _timelines(
    connection: Connection, account: str, order_ids: list[str]
) -> dict[str, list[tuple[str, datetime]]]:
    streams = [order_stream(account, order_id) for order_id in order_ids]
    query = (
        select(events.c.stream, events.c.status, events.c.at)
        .where(
            events.c.stream.in_(streams),
            events.c.status.is_not(None),
            events.c.status.is_distinct_from(events.c.status_before),
        )
        .order_by(events.c.stream, events.c.version)
    )
    exported: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    for stream, status, at in connection.execute(query):
        exported[order_of(account, stream) or ""].append((status, instant(at)))
    return exported
