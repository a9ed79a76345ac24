"""What no other order system says: an order's history, and the order as it was (ours)."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oms_ledger.accounts.account import Account
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.eventstore.folding import (
    NOTHING,
    StreamLoader,
    StreamState,
)
from oms_ledger.eventstore.records import (
    RecordedEvent,
    micros,
    order_stream,
)
from oms_ledger.orders.documents import oms_document, pii_document
from oms_ledger.orders.documents.history import changes
from oms_ledger.orders.documents.masking import mask_document
from oms_ledger.orders.events import Event
from oms_ledger.orders.instants import parse as parse_instant
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.services.event_entry import entry

router = APIRouter(prefix="/api/ledger", tags=["Ledger"])

MayLook = Annotated[Caller, Depends(requires("order_history"))]
Shape = Annotated[
    Literal["oms", "pii"],
    Query(description="`oms`: as `/api/oms` shows orders; `pii`: as `/api/orders` does."),
]
Render = Callable[[Order], dict[str, Any]]
DOCUMENTS: dict[str, Render] = {"oms": oms_document, "pii": pii_document}


def rendering(account: Account, document: str) -> Render:
    """How an order is shown: masked where the account masks, as the present document is."""
    render = DOCUMENTS[document]
    if not account.setting("pii"):
        return render
    return lambda order: mask_document(render(order))


class ResponseModel(BaseModel):
    """Part of an answer, spelled in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Operation(ResponseModel):
    """One difference in the document, as JSON Patch has it; `was` is what stood there before."""

    op: Literal["add", "remove", "replace"]
    path: str = Field(examples=["/status"])
    value: Any = Field(default=None, examples=["handling"])
    was: Any = Field(default=None, examples=["ready-for-handling"])


class Entry(ResponseModel):
    """One event of an order's history."""

    version: int = Field(description="1 for the first event of the order", examples=[12])
    position: int = Field(description="Place in the whole ledger", examples=[48211])
    at: str = Field(examples=["2026-01-02T03:04:05.0000000Z"])
    actor: str = Field(
        description="App key, `shopper`, `operator`, `timer:…`, `partner:…`, `import`",
        examples=["vtexappkey-acme-8F21C0"],
    )
    cause: str | None = Field(
        description="Request id, or what else led to it", examples=["5a0e8c31d7b94f3d"]
    )
    name: str = Field(examples=["handling-started"])
    status_before: str | None = Field(examples=["ready-for-handling"])
    status: str | None = Field(examples=["handling"])
    data: dict[str, Any] = Field(description="The event's own fields; money in cents")


class HistoryEntry(Entry):
    """An event of an order, with what it changed in the document."""

    changes: list[Operation] | None = Field(
        default=None, description="What the event changed in the document, unless left out"
    )


class History(ResponseModel):
    """`next` is the `after`, or the `before`, of the next page; null on the last one."""

    order_id: str = Field(examples=["v502559acme-01"])
    versions: int = Field(description="How many events the order has", examples=[12])
    events: list[HistoryEntry]
    next: int | None = Field(examples=[50])


@router.get("/orders/{order_id}/events", response_model=History)
async def get_history(
    order_id: PathId,
    cell: TheCell,
    caller: MayLook,
    after: Annotated[int, Query(ge=0, lt=2**31, description="Version to go on after.")] = 0,
    before: Annotated[
        int | None, Query(ge=1, lt=2**31, description="Newest first, below this version.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    with_changes: Annotated[
        bool, Query(alias="changes", description="`false` leaves them out, which is cheap.")
    ] = True,
    document: Shape = "oms",
) -> Response:
    """The order's events from the first one, each with what it did to the document.

    With `before` from the newest one back; `before=2147483647` begins at the last.
    """
    account = await cell.ledger.account(caller.account)
    if before is not None and after:
        raise bad_request("after, before: found both, expected one of them")
    render = rendering(account, document) if with_changes else None
    named = await cell.ledger.order_id_of(account.name, order_id)
    fields = await asyncio.to_thread(_history, cell, account, named, after, before, limit, render)
    return json_response(fields)


def _history(
    cell: Cell,
    account: Account,
    order_id: str,
    after: int,
    before: int | None,
    limit: int,
    render: Render | None,
) -> dict[str, Any]:
    rows, personal = rows_of(cell, account.name, order_id), not account.setting("pii")
    if after > len(rows):
        raise bad_request(f"after: found {after}, but the order has {len(rows)} versions")
    if before is None:
        first, last = after, min(after + limit, len(rows))
        following = last if last < len(rows) else None
    else:
        last = min(before - 1, len(rows))
        first = max(0, last - limit)
        following = first + 1 if first else None
    shown = list(entries(cell.ledger.loader, rows, first, last, render, personal=personal))
    return {
        "orderId": order_id,
        "versions": len(rows),
        "events": shown if before is None else shown[::-1],
        "next": following,
    }


def entries(
    loader: StreamLoader,
    rows: Sequence[RecordedEvent],
    first: int,
    last: int,
    render: Render | None,
    *,
    personal: bool,
) -> Iterator[dict[str, Any]]:
    """The events after version `first` up to `last`; without `render` without their changes."""
    if render is None:
        chosen = rows[first:last]
        for row, event in zip(chosen, loader.events(chosen), strict=True):
            yield entry(row, event, personal=personal)
        return
    before: Any = {}
    for row, event, loaded_state in versions(loader, rows[:last]):
        if row.version < first:
            continue
        document = _rendered(loaded_state, render)
        if row.version > first:
            fields = entry(row, event, personal=personal)
            yield {**fields, "changes": changes(before, document)}
        before = document


def rows_of(cell: Cell, account: str, order_id: str) -> list[RecordedEvent]:
    """The events of an order, oldest first; `OrderNotFound` without any."""
    rows = cell.store.stream(order_stream(account, order_id)) if order_id else []
    if not rows:
        raise OrderNotFound()
    return rows


def versions(
    loader: StreamLoader, rows: Sequence[RecordedEvent]
) -> Iterator[tuple[RecordedEvent, Event, StreamState]]:
    """Each event of one stream from its first, with what the stream amounts to after it."""
    loaded_state = NOTHING
    for row, event in zip(rows, loader.events(rows), strict=True):
        loaded_state = loader.apply(loaded_state, row, event)
        yield row, event, loaded_state


def as_of(cell: Cell, rows: Sequence[RecordedEvent], render: Render) -> Any:
    """The document of an order after these rows of its stream, as JSON has it."""
    *_, (_, _, loaded_state) = versions(cell.ledger.loader, rows)
    return _rendered(loaded_state, render)


def _rendered(loaded_state: StreamState, render: Render) -> Any:
    assert isinstance(loaded_state.state, Order)
    return orjson.loads(orjson.dumps(render(loaded_state.state)))


@router.get("/orders/{order_id}")
async def get_order_as_of(
    order_id: PathId,
    cell: TheCell,
    caller: MayLook,
    version: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    at: Annotated[str | None, Query(description="ISO 8601; UTC unless an offset is given.")] = None,
    document: Shape = "oms",
) -> Response:
    """The order's document as it was at a version or an instant; as it is without either.

    The headers `X-Ledger-Version` and `X-Ledger-Position` name the event it stands at.
    """
    if version is not None and at is not None:
        raise bad_request("version, at: found both, expected one of them")
    wanted_instant = _instant(at) if at is not None else None
    account = await cell.ledger.account(caller.account)
    render = rendering(account, document)
    named = await cell.ledger.order_id_of(account.name, order_id)
    row, body = await asyncio.to_thread(
        _as_of, cell, account.name, named, version, wanted_instant, render
    )
    headers = {"X-Ledger-Version": str(row.version), "X-Ledger-Position": str(row.position)}
    return json_response(body, headers=headers)


def _instant(text: str) -> datetime:
    # A `+` that was not encoded comes as a space.
    requested = parse_instant(text.strip().replace(" 0", "+0", 1) if "T" in text else text.strip())
    if requested is None:
        raise bad_request(f"at: found {text[:60]!r}, expected an instant in ISO 8601")
    return requested


def _as_of(
    cell: Cell,
    account: str,
    order_id: str,
    version: int | None,
    at: datetime | None,
    render: Render,
) -> tuple[RecordedEvent, bytes]:
    rows = rows_of(cell, account, order_id)
    if version is not None:
        if version > len(rows):
            raise bad_request(f"version: found {version}, but the order has {len(rows)} versions")
        rows = rows[:version]
    if at is not None:
        rows = [row for row in rows if row.at <= micros(at)]
        if not rows:
            raise OrderNotFound()
    *_, (row, _, loaded_state) = versions(cell.ledger.loader, rows)
    assert isinstance(loaded_state.state, Order)
    return row, orjson.dumps(render(loaded_state.state))
