"""What integrations may ask of orders: one, a list, a group (contract 02 §§2-4, 6)."""

import asyncio
import re
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.addressing import segment
from oms_ledger.api.dependencies import Caller, TheCell, requires
from oms_ledger.api.errors import ApiError, malformed
from oms_ledger.orders.documents import oms_document, pii_document
from oms_ledger.orders.documents.instants import parse as parse_instant
from oms_ledger.orders.refusals import OrderGroupNotFound, OrderNotFound
from oms_ledger.orders.status import ALIASES
from oms_ledger.wiring import Cell
from projections import order_views
from projections.order_views import ORDERS, Page, Question

router = APIRouter(tags=["Orders"])
JSON = "application/json; charset=utf-8"
LAST_PAGE = 30

MayGet = Annotated[Caller, Depends(requires("get_order"))]
MayList = Annotated[Caller, Depends(requires("list_orders"))]
MayGroup = Annotated[Caller, Depends(requires("order_group"))]


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return Response(body, status, headers, media_type=JSON)


@router.get("/api/oms/pvt/orders/order-group/{order_group}")
async def get_order_group(
    order_group: str, request: Request, cell: TheCell, caller: MayGroup
) -> Response:
    await request.app.state.freshness.wait()
    group = segment(order_group)

    def ids() -> list[str]:
        with cell.database.reading() as connection:
            return list(order_views.group_ids(connection, caller.account, group))

    order_ids = await asyncio.to_thread(ids)
    if not order_ids:
        raise OrderGroupNotFound(group)
    language = await _language(request, cell, caller)
    documents = [await _document(cell, caller.account, one, language) for one in order_ids]
    return json_response(b"[" + b",".join(documents) + b"]")


@router.get("/api/oms/pvt/orders/{order_id}")
async def get_order(order_id: str, request: Request, cell: TheCell, caller: MayGet) -> Response:
    order_id = segment(order_id)
    if sequence := re.fullmatch(r"seq(\d{1,15})", order_id):
        await request.app.state.freshness.wait()
        order_id = await asyncio.to_thread(_by_sequence, cell, caller, int(sequence[1]))
    language = await _language(request, cell, caller)
    return json_response(await _document(cell, caller.account, order_id, language))


@router.get("/api/orders/pvt/document/{order_id}")
async def get_document(order_id: str, cell: TheCell, caller: MayGet) -> Response:
    order = await cell.ledger.order(caller.account, segment(order_id))
    return json_response(orjson.dumps(pii_document(order)))


@router.get("/api/oms/pvt/orders")
async def list_orders(request: Request, cell: TheCell, caller: MayList) -> Response:
    question = asked(caller.account, request)
    behind = await request.app.state.freshness.wait()

    def page() -> Page:
        with cell.database.reading() as connection:
            return order_views.page(connection, question)

    found = await asyncio.to_thread(page)
    statistics = request.query_params.get("_stats") != "0"
    headers = {"X-Ledger-Behind": str(behind)} if behind else None
    return json_response(list_answer(found, question, statistics), headers=headers)


def _by_sequence(cell: Cell, caller: Caller, sequence: int) -> str:
    with cell.database.reading() as connection:
        found = order_views.by_sequence(connection, caller.account, sequence)
    if found is None:
        raise OrderNotFound()
    return found


async def _language(request: Request, cell: Cell, caller: Caller) -> str | None:
    """The language asked for, or None for the stored documents' own."""
    account = await cell.ledger.account(caller.account)
    asked_for = request.headers.get("accept-language", "").split(",")[0].strip()
    language: str = asked_for if asked_for not in ("", "*") else account.setting("language")
    return None if not language.lower().startswith("pt") else language


async def _document(cell: Cell, account: str, order_id: str, language: str | None) -> bytes:
    """The stored bytes when they are as new as the ledger; else folded from it."""

    def stored() -> tuple[bytes | None, bool]:
        with cell.database.reading() as connection:
            return order_views.document(connection, account, order_id)

    document, exists = await asyncio.to_thread(stored)
    if not exists:
        raise OrderNotFound()
    if document is not None and language is None:
        return document
    order = await cell.ledger.order(account, order_id)
    return orjson.dumps(oms_document(order, language or "en-US"))


def asked(account: str, request: Request) -> Question:
    """The question of a list's query; unknown parameters are ignored."""
    query = request.query_params
    statuses = _values(request, "f_status")
    field, _, direction = query.get("orderBy", "creationDate,desc").partition(",")
    if field.strip() not in ORDERS or direction.strip().lower() not in ("", "asc", "desc"):
        fields = ", ".join(ORDERS)
        raise malformed(f"orderBy: found {query['orderBy']!r}, expected one of {fields},asc|desc")
    page = _number(query.get("page", "1"), "page") or 1
    if page > LAST_PAGE:
        raise ApiError(400, "OMS004", "Max page exceed")
    per_page = _number(query.get("per_page", "15"), "per_page") or 15
    if per_page > 100:
        raise malformed(f"per_page: found {per_page}, expected at most 100")
    return Question(
        account=account,
        statuses=tuple(str(ALIASES.get(status, status)) for status in statuses),
        created=_range(query.get("f_creationDate"), "f_creationDate"),
        incomplete=query.get("incompleteOrders", "").strip().lower() in ("true", "1"),
        order_by=field.strip(),
        descending=direction.strip().lower() != "asc",
        page=page,
        per_page=per_page,
    )


def _values(request: Request, name: str) -> list[str]:
    """Comma-separated or repeated values; empty and `$$ALL_VALUES$$` mean no filter."""
    values = [
        part.strip().lower() for v in request.query_params.getlist(name) for part in v.split(",")
    ]
    if any("\0" in value for value in values):
        raise malformed(f"{name}: a value holds a NUL character")
    return [] if "$$all_values$$" in values else [value for value in values if value]


def _number(text: str, name: str) -> int:
    if not text.strip().isascii() or not text.strip().isdigit() or len(text) > 9:
        raise malformed(f"{name}: found {text!r}, expected a whole number")
    return int(text)


def _range(text: str | None, name: str) -> tuple[datetime | None, datetime | None] | None:
    if not text:
        return None
    found = re.fullmatch(r"(?:\w+:)?\[\s*(\S+)\s+TO\s+(\S+)\s*\]", text.strip())
    if found:
        start, end = (None if text == "*" else parse_instant(text) for text in found.groups())
        if all(at or bound == "*" for at, bound in zip((start, end), found.groups(), strict=True)):
            return start, end
    raise malformed(f"{name}: found {text!r}, expected {name[2:]}:[FROM TO UNTIL] in ISO 8601")


_FIGURES = ("Max", "Mean", "Min", "Missing", "StdDev", "Sum", "SumOfSquares")


def list_answer(page: Page, question: Question, statistics: bool) -> bytes:
    """The published answer of a list, its rows passed through as they are stored."""
    facets = {"origin": page.origins, "currencyCode": {}}
    stats = {}
    for name, figures in (("totalValue", page.value), ("totalItems", page.items)):
        shown = {f: figures.get(f, 0) if statistics else 0 for f in _FIGURES}
        stats[name] = {"Count": page.total, **shown, "Facets": facets if statistics else {}}
    rest = {
        "facets": [],
        "paging": {
            "total": page.total,
            "pages": -(-page.total // question.per_page),
            "currentPage": question.page,
            "perPage": question.per_page,
        },
        "stats": {"stats": stats},
    }
    return b'{"list":[' + b",".join(page.rows) + b"]," + orjson.dumps(rest)[1:]
