"""A v1 change at the other levels of its sale, while the caller waits.

The outsider that sold the order, and is paid, says yes before anything is registered. The request
has the same id each time, so that asking again for the same change asks nothing new. A seller that
has invoiced meanwhile says no: the change is registered at the levels below first. Levels that
another cell hosts are called there.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2s
from typing import Any

from oms_ledger.accounts.refusals import AccountNotFound, AccountNotReached
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.http_client.partner_client import PartnerClient, segment
from oms_ledger.orders.changes.agreements import record_registered_change
from oms_ledger.orders.changes.refusals import MarketplaceNotAsked
from oms_ledger.orders.documents import marketplace_requests
from oms_ledger.orders.events import ChangeRegistered, OrderEvent
from oms_ledger.orders.marketplace.levels import (
    delegated,
    marketplace_group,
    seller_order_id_of,
)
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.refusal import Refusal
from oms_ledger.services.marketplace.account_calls import AccountCall, cell_elsewhere, over_http
from oms_ledger.services.marketplace.counterpart import Declined, Done
from oms_ledger.services.marketplace.exchange import headers, parsed, sent
from oms_ledger.services.marketplace.partnership import PATIENCE
from oms_ledger.services.marketplace.register import marketplace_reach

REGISTER_BELOW, APPROVE = "register-change-below", "approve-change"


async def require_approval(cell: Cell, order: Order, news: Sequence[OrderEvent]) -> None:
    """Ask whoever sold the order outside, at the top of its levels; refuse without its yes."""
    change = next((one for one in news if isinstance(one, ChangeRegistered)), None)
    if change is None:
        return
    top = await _top(cell, order)
    sold_by = top.placed.sold_by
    if sold_by and top.placed.marketplace_order_id:
        call = AccountCall(
            top.account, sold_by, None, APPROVE, top.placed.marketplace_order_id, {}, change
        )
        await _require_done(cell, call)
        return
    reached = marketplace_reach(top)
    if reached is None:
        return
    group = segment(marketplace_group(top))
    name = "\x1f".join((top.account, top.order_id, change.request_id)).encode()
    client = PartnerClient(cell.settings.networks_of(top.account), cell.clock)
    try:
        answer = await client.ask(
            "POST",
            reached.path(f"/pvt/orders/{group}/changes"),
            sent(marketplace_requests.change(top, change)),
            headers(blake2s(name, digest_size=16).hexdigest()),
        )
    finally:
        await client.close()
    if answer.status != 200 or not _names_order(parsed(answer)):
        raise MarketplaceNotAsked()


def _names_order(body: Any) -> bool:
    """Whether an answer says which order it is about, or gives a receipt: an error does not."""
    return isinstance(body, dict) and any(
        isinstance(known, str | int) and known not in ("", False)
        for known in (body.get("orderId"), body.get("receipt"))
    )


async def _top(cell: Cell, order: Order) -> Order:
    """The uppermost order of the same sale that an account of this cell has."""
    while order.placed.sold_by and order.placed.marketplace_order_id:
        if await cell_elsewhere(cell, order.placed.sold_by) is not None:
            break
        order = await cell.ledger.order(order.placed.sold_by, order.placed.marketplace_order_id)
    return order


async def register_at_seller(
    cell: Cell, ctx: CommandContext, order: Order, change: ChangeRegistered
) -> None:
    """Register it at the levels below, the lowest first; nothing where they are no accounts."""
    if not delegated(order):
        return
    seller, order_id = order.seller, seller_order_id_of(order)
    change = replace(change, paid=())
    if await cell_elsewhere(cell, seller) is not None:
        call = AccountCall(order.account, seller, ctx.cause, REGISTER_BELOW, order_id, {}, change)
        await _require_done(cell, call)
        return
    there = replace(ctx, account=seller, actor=f"partner:{order.account}")
    await register_below(cell, there, order_id, change)


async def register_below(
    cell: Cell, ctx: CommandContext, order_id: str, change: ChangeRegistered
) -> None:
    """Register it in a seller's order, and at the levels below before; nothing where none is."""
    try:
        order = await cell.ledger.order(ctx.account, order_id)
    except (AccountNotFound, OrderNotFound):
        return
    await register_at_seller(cell, ctx, order, change)
    decision = partial(record_registered_change, change=change, first=True)
    await cell.ledger.change(ctx, order.order_id, decision)


class DeclinedElsewhere(Refusal):
    """What an account of another cell said no with."""

    text = "{0}"

    def __init__(self, declined: Declined) -> None:
        super().__init__(declined.message)
        self.status, self.code = declined.status, declined.code  # type: ignore[misc]


async def _require_done(cell: Cell, call: AccountCall) -> None:
    url = await cell_elsewhere(cell, call.recipient)
    if url is None:  # it has just come here
        raise AccountNotReached(call.recipient)
    try:
        outcome = await asyncio.wait_for(over_http(cell, url, call), PATIENCE)
    except TimeoutError:
        raise AccountNotReached(call.recipient) from None
    if isinstance(outcome, Declined):
        raise DeclinedElsewhere(outcome)
    if not isinstance(outcome, Done):
        raise AccountNotReached(call.recipient)
