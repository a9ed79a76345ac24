"""Orders of a question one page after another, as many as there are (G33).

Each order is told once, as it is when its page is read: pages follow creation and order id,
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
from oms_ledger.eventstore.records import instant, order_stream
from oms_ledger.eventstore.tables import events
from oms_ledger.orders.documents.masking import mask_document
from oms_ledger.orders.documents.report import report_rows
from oms_ledger.orders.instants import zone_of
from oms_ledger.orders.status import Status, label
from projections.orders.query import Question, matching
from projections.tables import order_views as t

PAGE = 200

Place = tuple[int, str]
"""Creation in microseconds, and the order's id: after which an export goes on."""


@dataclass(frozen=True, slots=True)
class Told:
    """An order as an export tells it."""

    place: Place
    document: dict[str, Any]
    timeline: tuple[tuple[str, datetime], ...]
    delivered: bool


@dataclass(frozen=True, slots=True)
class Manner:
    """How orders are told: the zone of instants, the language of labels, masked or not.

    The zone is a name, of IANA or as Python spells an offset (`UTC-03:00`), to be stored.
    """

    zone: str
    language: str
    masked: bool

    def rows(self, order: Told) -> list[list[str]]:
        return report_rows(
            self._shown(order),
            order.timeline,
            delivered=order.delivered,
            zone=_zone(self.zone),
            language=self.language,
        )

    def line(self, order: Told) -> bytes:
        """The OMS document on a line of its own."""
        document, status = self._shown(order), order.document["status"]
        described = label(Status(status) if status else None, self.language)
        return orjson.dumps({**document, "statusDescription": described}) + b"\n"

    def _shown(self, order: Told) -> dict[str, Any]:
        return mask_document(order.document) if self.masked else order.document


@lru_cache(64)
def _zone(name: str) -> tzinfo:
    if name.startswith(("UTC+", "UTC-")):
        zone = datetime.strptime(name.removeprefix("UTC"), "%z").tzinfo
        assert zone is not None
        return zone
    return zone_of(name)


def until(question: Question, now: int) -> Question:
    """The question about what was placed up to now, in microseconds."""
    low, high = question.created
    return replace(question, created=(low, now if high is None else min(high, now)))


def pages(
    database: Database, question: Question, after: Place | None = None
) -> Iterator[list[Told]]:
    while True:
        with database.reading() as connection:
            found = page(connection, question, after)
        if not found:
            return
        yield found
        after = found[-1].place


def page(connection: Connection, question: Question, after: Place | None) -> list[Told]:
    conditions = [matching(connection, question)]
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
    timelines = _timelines(connection, question.account, [row.order_id for row in rows])
    return [
        Told(
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
    told: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    for stream, status, at in connection.execute(query):
        told[stream[len(account) + 1 :]].append((status, instant(at)))
    return told
