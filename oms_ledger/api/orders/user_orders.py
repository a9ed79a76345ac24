"""A shopper's own orders, and an operator's look at them (contract 02 §14)."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.roles import LIST
from oms_ledger.api.auth.dependencies import Caller, TheCell, shopper_or
from oms_ledger.api.auth.ownership import require_own
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.orders.documents import (
    is_reachable,
    json_response,
    language_of,
    shown,
)
from oms_ledger.api.orders.lists import list_answer, serialize_rows
from oms_ledger.api.orders.queries import (
    Given,
    interval,
    number,
    of_query,
    reachable,
    values_of,
)
from oms_ledger.cell import Cell
from oms_ledger.orders.documents.search_terms import comparable
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.orders.status import Status
from projections.customers import shoppers
from projections.orders import query
from projections.orders.query import OrderQuery, Page, TermFilter

router = APIRouter(tags=["User's orders"])

User = Annotated[Caller, Depends(shopper_or("user_orders"))]


@router.get("/api/oms/user/orders")
async def list_user_orders(request: Request, cell: TheCell, caller: User) -> Response:
    """List the orders of the shopper who is signed in, or whom an operator names."""
    account = await cell.ledger.account(caller.account)
    given = of_query(request.query_params.multi_items())
    email = _customer(caller, given)
    order_query = _question(account, given, cell)
    page, behind = await request.app.state.freshness.list(_page, order_query, email)
    rows = serialize_rows(page, language_of(request, account), account, to_owner=_owns(caller))
    headers = {"X-Ledger-Lag": str(behind)} if behind else None
    return json_response(list_answer(rows, page, order_query, []), headers=headers)


@router.get("/api/oms/user/orders/last")
async def get_last_order(request: Request, cell: TheCell, caller: User) -> Response:
    """Answer the shopper's newest order; 404 when there is none."""
    account = await cell.ledger.account(caller.account)
    email = _customer(caller, of_query(request.query_params.multi_items()))
    created = reachable(account, (None, None), cell.clock.now())
    wanted = OrderQuery(account.name, created=created, per_page=1)
    page, _ = await request.app.state.freshness.list(_page, wanted, email)
    if not page.order_ids:
        raise OrderNotFound()
    return await _shown(request, account, page.order_ids[0], caller)


@router.get("/api/oms/user/orders/{order_id}")
async def get_user_order(
    order_id: PathId, request: Request, cell: TheCell, caller: User
) -> Response:
    """A foreign order is as unknown as one that is not there."""
    account = await cell.ledger.account(caller.account)
    email = _customer(caller, of_query(request.query_params.multi_items()), list_all=True)
    order = await cell.ledger.order(account.name, order_id)
    order_id = order.order_id
    if email is not None:
        await require_own(request, order, email)
    if not await is_reachable(cell, account, order_id):
        raise OrderNotFound()
    return await _shown(request, account, order_id, caller)


def _owns(caller: Caller) -> bool:
    return caller.shopper is not None


async def _shown(request: Request, account: Account, order_id: str, caller: Caller) -> Response:
    language = language_of(request, account)
    document = await shown(request, account, order_id, language, to_its_owner=_owns(caller))
    return json_response(document)


def _customer(caller: Caller, given: Given, *, list_all: bool = False) -> str | None:
    """Whose orders: always the shopper's own, else those of `clientEmail`; None is everyone's.

    Everyone's in a list is for who may list orders.
    """
    if caller.shopper is not None:
        return caller.shopper
    email = next((value.strip() for value in given.get("clientEmail", ()) if value.strip()), None)
    if email is None and not list_all and LIST not in caller.resources:
        what = "clientEmail: found nothing, expected the e-mail of a customer"
        raise bad_request(f"{what}; only a key with {LIST} lists the orders of all")
    return email


def _question(account: Account, given: Given, cell: Cell) -> OrderQuery:
    sizes = given.get("per_page") or given.get("pageSize") or ["15"]
    per_page = number(sizes[0].strip() or "15", "per_page") or 15
    if per_page > 100:
        raise bad_request(f"per_page: found {per_page}, expected at most 100")
    order_query = OrderQuery(
        account.name,
        created=reachable(account, (None, None), cell.clock.now()),
        page=number((given.get("page") or ["1"])[0].strip() or "1", "page") or 1,
        per_page=per_page,
    )
    return _of_company(account, given, order_query, cell) if account.setting("b2b") else order_query


def _of_company(account: Account, given: Given, order_query: OrderQuery, cell: Cell) -> OrderQuery:
    """What buyers of a company may ask besides; elsewhere these parameters are ignored."""
    text = comparable(next(iter(given.get("text", ())), "").strip())
    kinds = ("id", "sequence", "email", "document", "custom", "full_name", "agent")
    any_of = (tuple((TermFilter(kind, (text,)),) for kind in kinds),) if text else ()
    statuses = {value.strip().lower() for value in values_of(given, "status")}
    if next(iter(given.get("my_pending_approvals", ())), "").lower() == "true":
        statuses = {str(Status.WAITING_FOR_ORDER_AUTHORIZATION)}
    agents = tuple(map(comparable, values_of(given, "purchase_agent_id")))
    created = interval(next(iter(given.get("creation_date", ())), "").strip(), "creation_date")
    return replace(
        order_query,
        any_of=any_of,
        statuses=tuple(sorted(statuses)),
        having=(TermFilter("agent", agents),) if agents else (),
        created=reachable(account, created, cell.clock.now()),
    )


def _page(connection: Connection, order_query: OrderQuery, email: str | None) -> Page:
    if email is None:
        return query.page(connection, order_query)
    person = shoppers.known_as(connection, order_query.account, email)
    own = tuple((TermFilter(kind, terms),) for kind, terms in person.terms())
    return query.page(connection, replace(order_query, any_of=(*order_query.any_of, own)))
