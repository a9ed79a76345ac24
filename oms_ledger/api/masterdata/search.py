"""Finding documents: pages by range, scrolls by token."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.auth.dependencies import TheCell
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.masterdata import orders
from oms_ledger.api.masterdata.access import Access, MasterDataPermission, entity_name
from oms_ledger.api.masterdata.queries import (
    ParsedQuery,
    parsed_query,
    plain,
    range_of,
    size_of,
)
from oms_ledger.api.masterdata.rendering import rendered
from oms_ledger.api.orders.documents import json_response
from oms_ledger.masterdata.entity import Entity
from oms_ledger.masterdata.names import ORDERS
from oms_ledger.services.masterdata.orders import find_orders
from oms_ledger.services.masterdata.recording import read_entity
from projections.masterdata.search import next_page, open_scroll, search

router = APIRouter(tags=["Master Data"])

MaySearch = Annotated[Access, Depends(MasterDataPermission("read_documents", anonymous=True))]
MayScroll = Annotated[Access, Depends(MasterDataPermission("read_documents"))]


@router.get("/api/dataentities/{entity}/search")
async def search_documents(
    entity: PathId, request: Request, cell: TheCell, access: MaySearch
) -> Response:
    """Documents that satisfy every filter, `_where`, `_schema` and `_keyword`.

    The header `REST-Range: resources=x-y` asks for a page, `y` not included; at most 100.
    """
    name, query = entity_name(entity), parsed_query(request)
    state = await read_entity(cell, access.account, name)
    _require_open(access, state, query)
    requested = query.query(access.account, state)
    first, count = range_of(request.headers.get("rest-range"))
    if name == ORDERS:
        await request.app.state.freshness.wait()
        values, total = await orders.search_orders(cell, access, requested, query, first, count)
        headers = {"REST-Content-Range": f"resources {first}-{first + len(values)}/{total}"}
        return json_response(values, headers=headers)
    await request.app.state.documents.wait()

    found = await cell.read(search, requested, first, count)
    shown = await rendered(cell, access, state, found.documents, query)
    if query.fields is None or "_sort" in query.fields:
        for document, one in zip(found.documents, shown, strict=True):
            if document.key in found.distances:
                one["_sort"] = [found.distances[document.key]]
    end = first + len(shown)
    headers = {"REST-Content-Range": f"resources {first}-{end}/{found.total}"}
    if access.is_known and (slow := _not_indexed(state, query)):
        headers["Warning"] = f'199 - "not indexed: {slow}"'
    return json_response(shown, headers=headers)


def _require_open(access: Access, entity: Entity, query: ParsedQuery) -> None:
    if access.is_known:
        return
    security = access.security(entity, query.schema)
    names = query.asks_by()
    if "_keyword" in query.special:
        names += entity.keyword_fields() or ["_keyword"]
    security.require_filters(names)
    security.readable(query.fields)


def _not_indexed(entity: Entity, query: ParsedQuery) -> str:
    if entity.is_open:
        return ""
    names = [name for name in query.asks_by() if not entity.is_indexed(name, query.schema)]
    text = ", ".join(dict.fromkeys(names))
    return text.encode("ascii", "replace").decode().replace('"', "'")[:500]


@router.get("/api/dataentities/{entity}/scroll")
async def scroll_documents(
    entity: PathId, request: Request, cell: TheCell, access: MayScroll
) -> Response:
    """The documents that were found at the first call, page by page; later only `_token` counts."""
    name, query = entity_name(entity), parsed_query(request)
    state = await read_entity(cell, access.account, name)
    token = plain(query.special.get("_token", "")).strip()
    if not token:
        requested = query.query(access.account, state)
        size = size_of(query.special.get("_size"))
        await request.app.state.documents.wait()
        remembered = {key: query.special.get(key, "") for key in ("_fields", "_schema")}

        ids: list[str] | None = None
        if name == ORDERS:
            await request.app.state.freshness.wait()
            account = await cell.ledger.account(access.account)
            ids = await asyncio.to_thread(find_orders, cell, account, requested)

        def fix() -> str:
            with cell.database.writing() as connection:
                return open_scroll(
                    connection, requested, size, remembered, ids, now=cell.clock.micros()
                )

        token = await asyncio.to_thread(fix)
    else:
        await request.app.state.documents.wait()

    page = await cell.write(next_page, access.account, name, token, cell.clock.micros())
    later = ParsedQuery(page.request)
    if name == ORDERS:
        shown = await orders.shown_orders(cell, access, page.keys, later)
    else:
        shown = await rendered(cell, access, state, page.documents, later)
    headers = {"X-VTEX-MD-TOKEN": page.token, "REST-Content-Total": str(page.total)}
    return json_response(shown, headers=headers)
