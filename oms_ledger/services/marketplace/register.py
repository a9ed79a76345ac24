"""What an account knows of its outside partners: where they are reached, and on what terms."""

from dataclasses import dataclass
from decimal import Decimal

from oms_ledger.accounts.registers import SellerItem
from oms_ledger.cell import Cell
from oms_ledger.http_client.partner_client import Endpoint, credentials
from oms_ledger.orders.marketplace.levels import marketplace_endpoint
from oms_ledger.orders.order import Order
from projections.accounts import sellers


@dataclass(frozen=True, slots=True)
class SellerTerms:
    """`changes` is where its changes of orders are asked for. Commissions are in per cent."""

    endpoint: Endpoint
    changes: Endpoint
    shares_email: bool = False
    product_commission: Decimal = Decimal(0)
    freight_commission: Decimal = Decimal(0)


async def seller_terms(cell: Cell, account: str, seller: str) -> SellerTerms | None:
    """What the register says now of a seller outside; None when it does not know it."""
    configured = await cell.ledger.configuration(account)
    item = configured.get(SellerItem, seller)
    known = None if item is None else sellers.of_item(account, item)
    if known is None or not known.endpoint:
        return None
    opened_by = credentials(
        key=known.app_key, token=known.app_token, user=known.user, password=known.password
    )
    return SellerTerms(
        Endpoint(known.endpoint, opened_by),
        Endpoint(known.changes_endpoint, opened_by),
        shares_email=known.shares_email,
        product_commission=known.product_commission,
        freight_commission=known.freight_commission,
    )


def marketplace_reach(order: Order) -> Endpoint | None:
    """Where the outsider that sold an order is notified: an address of the order's own."""
    url = marketplace_endpoint(order)
    return None if url is None else Endpoint(url)
