"""Lists of orders: List orders and the extended search (contract 02 §§4, 5)."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from oms_ledger.accounts.account import Account
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.orders.documents import json_response, language_of
from oms_ledger.api.orders.facets import facets
from oms_ledger.api.orders.queries import (
    ParsedRequest,
    of_body,
    of_query,
    requested,
)
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import order_stream
from oms_ledger.orders.documents.masking import mask_row
from oms_ledger.orders.documents.search_row import search_row
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status, label
from projections.orders import query as orders_query
from projections.orders.query import OrderQuery, Page
from projections.orders.stats import Sums, apart, together

router = APIRouter(tags=["Orders"])

MayList = Annotated[Caller, Depends(requires("list_orders"))]
MaySearch = Annotated[Caller, Depends(requires("extended_search"))]

REPORT_LIMIT = 50_000


@router.get("/api/oms/pvt/orders")
async def list_orders(request: Request, cell: TheCell, caller: MayList) -> Response:
    """List orders by the filters of the query, a page at a time, with facets and sums."""
    account = await cell.ledger.account(caller.account)
    query = request.query_params
    wanted = requested(account, of_query(query.multi_items()), cell.clock.now())
    (page, shown), behind = await request.app.state.freshness.list(
        _read, wanted, query.get("_facets", ""), cell.clock.now()
    )
    rows = serialize_rows(page, language_of(request, account), account)
    answer = list_answer(rows, page, wanted.order_query, shown, stats=query.get("_stats") != "0")
    return json_response(answer, headers=_behind(behind))


@router.post("/api/orders/extendsearch/orders")
async def extended_search(request: Request, cell: TheCell, caller: MaySearch) -> Response:
    """Search orders by filters in the query or the body."""
    body = await json_body(request)
    if body is not None and not isinstance(body, dict):
        raise bad_request("The body: expected an object of filters")
    account = await cell.ledger.account(caller.account)
    query = request.query_params
    given = of_query(query.multi_items()) | of_body(body or {})
    wanted = requested(account, given, cell.clock.now(), bare_fields=True)
    (page, shown), behind = await request.app.state.freshness.list(
        _read, wanted, _first(given, "_facets"), cell.clock.now()
    )
    rows = await asyncio.to_thread(_search_rows, cell, account, page)
    stats = _first(given, "_stats") != "0"
    answer = list_answer(rows, page, wanted.order_query, shown, stats=stats)
    limit = orjson.dumps({"reportRecordsLimit": REPORT_LIMIT})
    return json_response(answer[:-1] + b"," + limit[1:], headers=_behind(behind))


def _first(given: dict[str, list[str]], name: str) -> str:
    return next(iter(given.get(name, ())), "")


def _behind(behind: int) -> dict[str, str] | None:
    return {"X-Ledger-Lag": str(behind)} if behind else None


def _read(
    connection: Connection, wanted: ParsedRequest, named: str, now: datetime
) -> tuple[Page, list[dict[str, Any]]]:
    """The page and its facets."""
    page = orders_query.page(connection, wanted.order_query)
    return page, facets(connection, wanted, named, now)


def serialize_rows(
    page: Page, language: str, account: Account, *, to_owner: bool = False
) -> list[bytes]:
    """Stored rows in a language, masked where the account masks; they are stored in English."""
    mask = account.setting("pii") and not to_owner
    if not mask and not page.retrying and not language.lower().startswith("pt"):
        return page.rows
    fields = (_at_present(orjson.loads(row), page, language) for row in page.rows)
    return [orjson.dumps(mask_row(row) if mask else row) for row in fields]


def _at_present(row: dict[str, Any], page: Page, language: str) -> dict[str, Any]:
    status = row["status"]
    return {
        **row,
        "statusDescription": label(Status(status) if status else None, language),
        "workflowInRetry": row["orderId"] in page.retrying,
    }


def _search_rows(cell: Cell, account: Account, page: Page) -> list[bytes]:
    """The rows of the orders as they were when the page was read, whatever was written since."""
    states = (
        cell.ledger.loader.load(order_stream(account.name, order_id), version).state
        for order_id, version in zip(page.order_ids, page.versions, strict=True)
    )
    rows = [
        {**search_row(order), "workflowInRetry": order.order_id in page.retrying}
        for order in states
        if isinstance(order, Order)
    ]
    return [orjson.dumps(mask_row(row) if account.setting("pii") else row) for row in rows]


# The answer

_FIGURES = ("Count", "Max", "Mean", "Min", "Missing", "StdDev", "Sum", "SumOfSquares")


def list_answer(
    rows: list[bytes],
    page: Page,
    order_query: OrderQuery,
    shown: list[dict[str, Any]],
    *,
    stats: bool = True,
) -> bytes:
    """The published answer of a list; without `stats` all its figures but the count are zero."""
    total = page.totals.count
    rest = {
        "facets": shown,
        "paging": {
            "total": total,
            "pages": -(-total // order_query.per_page),
            "currentPage": order_query.page,
            "perPage": order_query.per_page,
        },
        "stats": {
            "stats": {
                "totalValue": _figures(page.totals.value, stats=stats),
                "totalItems": _figures(page.totals.items, stats=stats),
            }
        },
    }
    return b'{"list":[' + b",".join(rows) + b"]," + orjson.dumps(rest)[1:]


def _figures(groups: Any, *, stats: bool) -> dict[str, Any]:
    whole = together(groups)
    if not stats:
        return {**dict.fromkeys(_FIGURES, 0), "Count": whole.count, "Facets": {}}
    facets = {"origin": _each(apart(groups, 0)), "currencyCode": _each(apart(groups, 1))}
    return {**whole.fields(), "Facets": facets}


def _each(groups: dict[str, Sums]) -> dict[str, Any]:
    return {name: {**sums.fields(), "Facets": None} for name, sums in groups.items()}
