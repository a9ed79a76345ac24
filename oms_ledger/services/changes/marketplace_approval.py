"""A v1 change is registered only when the outsider that sold the order, and is paid, has said yes.

The caller waits for the answer. The request has the same id each time, so that asking again for
the same change asks nothing new.
"""

from collections.abc import Sequence
from hashlib import blake2s

from oms_ledger.cell import Cell
from oms_ledger.http_client.partner_client import PartnerClient, segment
from oms_ledger.orders.changes.refusals import MarketplaceNotAsked
from oms_ledger.orders.documents import marketplace_requests
from oms_ledger.orders.events import ChangeRegistered, OrderEvent
from oms_ledger.orders.marketplace.levels import marketplace_group
from oms_ledger.orders.order import Order
from oms_ledger.services.marketplace.exchange import headers, sent
from oms_ledger.services.marketplace.register import marketplace_reach


async def require_approval(cell: Cell, order: Order, news: Sequence[OrderEvent]) -> None:
    """Ask whoever sold the order outside, at the top of its levels; refuse without a plain 200."""
    change = next((one for one in news if isinstance(one, ChangeRegistered)), None)
    if change is None:
        return
    top = await _top(cell, order)
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
    if answer.status != 200:
        raise MarketplaceNotAsked()


async def _top(cell: Cell, order: Order) -> Order:
    """The order of the same sale that no account of the deployment sold."""
    while order.placed.sold_by and order.placed.marketplace_order_id:
        order = await cell.ledger.order(order.placed.sold_by, order.placed.marketplace_order_id)
    return order
