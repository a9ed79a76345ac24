"""The entity `orders`: read only, and masked where the account masks its documents."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from oms_ledger.api.masterdata.access import Access
from oms_ledger.api.masterdata.queries import ParsedQuery
from oms_ledger.api.masterdata.rendering import WITHOUT_FIELDS
from oms_ledger.api.orders.documents import is_reachable
from oms_ledger.cell import Cell
from oms_ledger.masterdata.document import account_id, cut_to
from oms_ledger.masterdata.names import ORDERS
from oms_ledger.masterdata.refusals import DocumentNotFound, NotFound
from oms_ledger.orders.documents.masking import mask_document
from oms_ledger.orders.instants import seconds
from oms_ledger.orders.order import Order
from oms_ledger.orders.privacy.disclose import disclose
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.services.masterdata.orders import OrderVersion, find_orders, order_versions
from oms_ledger.services.masterdata.recording import read_entity
from projections.masterdata.orders import order_document
from projections.masterdata.search import Query

Json = dict[str, Any]


async def whole_order(
    cell: Cell, access: Access, order_id: str, *, disclosed: bool = False
) -> Json:
    """An order as a document; 404 in the words of Master Data.

    `disclosed`: a reason shows what the account masks, and is recorded.
    """
    account = await cell.ledger.account(access.account)
    try:
        if not await is_reachable(cell, account, order_id):
            raise DocumentNotFound()
        if disclosed and account.setting("pii") and access.reason is not None:
            decision = partial(disclose, reason=access.reason)
            order = await cell.ledger.change(access.context, order_id, decision)
            return await asyncio.to_thread(_document, order, hidden=False)
        order = await cell.ledger.order(access.account, order_id)
    except OrderNotFound:
        raise DocumentNotFound() from None
    return await asyncio.to_thread(_document, order, hidden=bool(account.setting("pii")))


def _document(order: Order, *, hidden: bool) -> Json:
    document = order_document(order)
    name = order.account
    return {
        **(mask_document(document) if hidden else document),
        "accountId": account_id(name),
        "accountName": name,
        "dataEntityId": ORDERS,
    }


async def shown_versions(
    cell: Cell, access: Access, order_id: str, load: bool, names: Sequence[str]
) -> list[Json]:
    """The versions of an order, newest first; with `load` what it was then."""
    found, hidden = await _versions(cell, access, order_id, shows=load)

    def show() -> list[Json]:
        lines = []
        for one in found:
            line: Json = {"id": one.id, "date": seconds(one.at)}
            if load:
                document = _document(one.order, hidden=hidden)
                line["document"] = cut_to(document, names) if names else document
            lines.append(line)
        return lines

    return await asyncio.to_thread(show)


async def shown_version(cell: Cell, access: Access, order_id: str, version: str) -> Json:
    """A version of an order with its document; `NotFound` for another version."""
    found, hidden = await _versions(cell, access, order_id, shows=True)
    if not found:
        raise DocumentNotFound()
    for one in found:
        if one.id == version:
            document = await asyncio.to_thread(_document, one.order, hidden=hidden)
            return {"id": one.id, "author": one.actor, "document": document}
    raise NotFound(f"Version '{version}' not found")


async def _versions(
    cell: Cell, access: Access, order_id: str, *, shows: bool
) -> tuple[list[OrderVersion], bool]:
    """An order's versions, and whether what they show is masked."""
    try:
        await whole_order(cell, access, order_id, disclosed=shows)
    except DocumentNotFound:
        return [], True
    account = await cell.ledger.account(access.account)
    found = await asyncio.to_thread(order_versions, cell, access.account, order_id)
    return found, bool(account.setting("pii")) and access.reason is None


async def get_order(cell: Cell, access: Access, order_id: str, query: ParsedQuery) -> Json:
    """An order as a document, cut to the fields of the query."""
    names = await _names(cell, access, query)
    document = await whole_order(cell, access, order_id, disclosed=True)
    return document if names is None else cut_to(document, names)


async def _names(cell: Cell, access: Access, query: ParsedQuery) -> Sequence[str] | None:
    """The names to show; None for all."""
    names: Sequence[str] | None = query.fields if query.has_fields else WITHOUT_FIELDS
    if query.schema and not query.has_fields:
        entity = await read_entity(cell, access.account, ORDERS)
        names = entity.schema(query.schema).default_fields or WITHOUT_FIELDS
    return names


async def shown_orders(
    cell: Cell, access: Access, order_ids: Sequence[str], query: ParsedQuery
) -> list[Json]:
    """Orders as documents, in the order of their ids, cut to the fields of the query."""
    names = await _names(cell, access, query)
    values = []
    for order_id in order_ids:
        document = await whole_order(cell, access, order_id)
        values.append(document if names is None else cut_to(document, names))
    return values


async def search_orders(
    cell: Cell, access: Access, requested: Query, query: ParsedQuery, first: int, count: int
) -> tuple[list[Json], int]:
    """A page of orders and how many there are."""
    account = await cell.ledger.account(access.account)
    found = await asyncio.to_thread(find_orders, cell, account, requested)
    page = found[first : first + count] if count else []
    return await shown_orders(cell, access, page, query), len(found)
