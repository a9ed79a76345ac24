"""The entity `orders`: read only, and masked where the account masks its documents."""

import asyncio
from collections.abc import Sequence
from typing import Any

from oms_ledger.api.masterdata.access import Access
from oms_ledger.api.masterdata.queries import ParsedQuery
from oms_ledger.api.masterdata.rendering import WITHOUT_FIELDS
from oms_ledger.cell import Cell
from oms_ledger.masterdata.document import account_id, cut_to
from oms_ledger.masterdata.names import ORDERS
from oms_ledger.masterdata.refusals import DocumentNotFound
from oms_ledger.orders.documents.masking import mask_document
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.services.masterdata.orders import find_orders
from oms_ledger.services.masterdata.recording import read_entity
from projections.masterdata.orders import order_document
from projections.masterdata.search import Query

Json = dict[str, Any]


async def whole_order(cell: Cell, access: Access, order_id: str) -> Json:
    """An order as a document; 404 in the words of Master Data."""
    try:
        order = await cell.ledger.order(access.account, order_id)
    except OrderNotFound:
        raise DocumentNotFound() from None
    document = await asyncio.to_thread(order_document, order)
    if (await cell.ledger.account(access.account)).setting("pii"):
        document = mask_document(document)
    name = access.account
    return {
        **document,
        "accountId": account_id(name),
        "accountName": name,
        "dataEntityId": ORDERS,
    }


async def get_order(cell: Cell, access: Access, order_id: str, query: ParsedQuery) -> Json:
    return (await shown_orders(cell, access, [order_id], query))[0]


async def shown_orders(
    cell: Cell, access: Access, order_ids: Sequence[str], query: ParsedQuery
) -> list[Json]:
    names: Sequence[str] | None = query.fields if query.has_fields else WITHOUT_FIELDS
    if query.schema and not query.has_fields:
        entity = await read_entity(cell, access.account, ORDERS)
        names = entity.schema(query.schema).default_fields or WITHOUT_FIELDS
    values = []
    for order_id in order_ids:
        document = await whole_order(cell, access, order_id)
        values.append(document if names is None else cut_to(document, names))
    return values


async def search_orders(
    cell: Cell, access: Access, requested: Query, query: ParsedQuery, first: int, count: int
) -> tuple[list[Json], int]:
    """A page of orders and how many there are."""
    found = await asyncio.to_thread(find_orders, cell, requested)
    page = found[first : first + count] if count else []
    return await shown_orders(cell, access, page, query), len(found)
