"""Find anything by one text: an order's ids and terms, a position, a request id (ours)."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.orders.documents import json_response
from oms_ledger.api.orders.queries import reachable
from oms_ledger.cell import Cell
from oms_ledger.orders.documents.search_terms import comparable, digits, words
from oms_ledger.whole_numbers import is_whole
from projections.orders import query, views
from projections.orders.query import OrderQuery, TermFilter
from projections.subscriptions.lookup import by_cause, by_position

MOST = 10

router = APIRouter(prefix="/api/ledger", tags=["Ledger"])

MayFind = Annotated[Caller, Depends(requires("find"))]

# In this order: what gets first is what most texts mean.
TERMS = (
    ("order", "id"),
    ("sequence", "sequence"),
    ("email", "email"),
    ("document", "document"),
    ("payment", "payment_id"),
    ("tid", "tid"),
    ("nsu", "nsu"),
    ("invoice", "invoice"),
    ("tracking", "tracking"),
    ("sku", "sku"),
    ("list", "list"),
    ("custom", "custom"),
)


class Hit(ResponseModel):
    """What was found, and by what."""

    kind: str = Field(
        description="`order`, `group`, `event`, `request`, `name`, or the term it was found by",
        examples=["invoice"],
    )
    order_id: str | None = Field(examples=["v502559acme-01"])
    position: int | None = Field(description="Of an event", examples=[48211])


class Found(ResponseModel):
    """What was found by one text."""

    q: str = Field(examples=["NF-20418"])
    hits: list[Hit]


@router.get("/find", response_model=Found)
async def get_find(
    q: Annotated[str, Query(min_length=1, max_length=200)],
    request: Request,
    cell: TheCell,
    caller: MayFind,
) -> Response:
    """What a text stands for, at most ten hits of a kind.

    Looked up as an order id, sequence, group, e-mail, document, payment, invoice, tracking
    number, SKU, a name's words, a position, and the request id of an event among the newest.
    """
    account = await cell.ledger.account(caller.account)
    await request.app.state.freshness.wait()
    text = q.strip()
    created = reachable(account, (None, None), cell.clock.now())

    def look() -> list[dict[str, Any]]:
        with cell.database.snapshot() as connection:
            found = [*_orders(connection, account.name, text, created, account.setting("pii"))]
        return found + list(_events(cell, account.name, text))

    hits: dict[tuple[Any, ...], dict[str, Any]] = {}
    for hit in await asyncio.to_thread(look):
        hits.setdefault((hit["orderId"], hit["position"]), hit)
    return json_response({"q": text, "hits": list(hits.values())})


def _orders(
    connection: Connection, account: str, text: str, created: Any, masked: bool
) -> Iterator[dict[str, Any]]:
    whole, number = comparable(text), digits(text)
    for kind, term in TERMS:
        terms = (whole, number) if term == "document" and number else (whole,)
        yield from _hits(connection, account, kind, (TermFilter(term, terms),), created)
    for order_id in list(views.group_ids(connection, account, text))[:MOST]:
        yield _hit("group", order_id)
    name = words(text)
    if masked:  # then a part of a name finds nobody
        full = (TermFilter("full_name", (" ".join(name),)),)
        yield from _hits(connection, account, "name", full, created)
    elif name:
        each = tuple(TermFilter("name", (word,), prefix=True) for word in name[:8])
        yield from _hits(connection, account, "name", each, created)


def _hits(
    connection: Connection, account: str, kind: str, having: tuple[TermFilter, ...], created: Any
) -> Iterator[dict[str, Any]]:
    for incomplete in (False, True):
        order_query = OrderQuery(
            account, created=created, having=having, incomplete=incomplete, per_page=MOST
        )
        for order_id in query.page_ids(connection, order_query):
            yield _hit(kind, order_id)


def _events(cell: Cell, account: str, text: str) -> Iterator[dict[str, Any]]:
    if is_whole(text):
        row = by_position(cell.database, account, int(text))
        if row is not None and row.order_id:
            yield _hit("event", row.order_id, row.position)
    for row in by_cause(cell.database, account, text, MOST):
        if row.order_id:
            yield _hit("request", row.order_id, row.position)


def _hit(kind: str, order_id: str, position: int | None = None) -> dict[str, Any]:
    return {"kind": kind, "orderId": order_id, "position": position}
