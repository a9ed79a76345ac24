"""Who delivers an order of a marketplace that leaves it to the account: itself or a franchise.

Franchises are the account's white label sellers, in the order of the register. A delivery goes to
the first that has it on offer for every line, the account itself before all others; a pickup to
whom the order names.
"""

from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell
from oms_ledger.orders.events import Json
from oms_ledger.orders.marketplace.placement_form import PICKUP
from oms_ledger.orders.marketplace.split import chain_id, of_franchise
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import InvalidMarketplaceOrder, OrderNotFound
from oms_ledger.services.marketplace.offered import delivers
from oms_ledger.services.marketplace.partnership import partner
from oms_ledger.services.offers.sources import OfferSources
from projections.accounts import sellers

WHITE_LABEL = 2


async def with_deliverer(
    cell: Cell,
    offers: OfferSources,
    account: Account,
    affiliate: str,
    body: Json,
    sales_channel: str,
) -> Json:
    """The order as it is placed: at the account itself, or as one of a franchise."""
    if body.get("allowFranchises") is not True:
        return body
    if await placed_as(cell, account.name, affiliate, body["marketplaceOrderId"]) is not None:
        return body
    chained = await placed_as(cell, account.name, affiliate, chain_id(body))
    if chained is not None:
        return of_franchise(body, chained.seller)
    seller = await _deliverer(cell, offers, account, body, sales_channel)
    return body if seller is None else of_franchise(body, seller)


async def placed_as(
    cell: Cell, account: str, affiliate: str, marketplace_order_id: str
) -> Order | None:
    """The order that the account has under an id of the marketplace; None when it has none."""
    try:
        return await cell.ledger.order(account, f"{affiliate}-{marketplace_order_id.strip()}")
    except OrderNotFound:
        return None


async def _deliverer(
    cell: Cell, offers: OfferSources, account: Account, body: Json, sales_channel: str
) -> str | None:
    """The franchise that delivers; None where the account does."""
    shipping = body["shippingData"]
    franchises = await _franchises(cell, account)
    if any(one.get("selectedDeliveryChannel") == PICKUP for one in shipping["logisticsInfo"]):
        return _of_pickup(account, franchises, body.get("pickupAccountName"))
    if shipping.get("isFob") is True:
        return None
    for seller in (None, *franchises):
        requested = body if seller is None else of_franchise(body, seller)
        if await offers.quoting(delivers, offers, account, requested, sales_channel):
            return seller
    raise InvalidMarketplaceOrder("FMT010", "Nobody has the selected SLA for all items")


def _of_pickup(account: Account, franchises: list[str], named: Any) -> str | None:
    if named in ("1", account.name):
        return None
    if named in franchises:
        return str(named)
    sentence = "pickupAccountName: expected the account or one of its white label sellers"
    raise InvalidMarketplaceOrder("FMT010", sentence, {"pickupAccountName": f"FMT010: {sentence}"})


async def _franchises(cell: Cell, account: Account) -> list[str]:
    """The white label sellers that take orders: accounts of this deployment, partners of this."""
    entries = await cell.read(sellers.of_account, account.name, cell.encryption)
    found: list[str] = []
    for entry in entries:
        if entry.fields.get("sellerType") != WHITE_LABEL or not entry.is_active or entry.outside:
            continue
        try:
            name = str(entry.fields.get("account") or entry.id)
            terms = await partner(cell, account.name, name)
        except AccountNotFound:
            continue
        if terms.accepts_orders:
            found.append(name)
    return found
