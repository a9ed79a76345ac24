"""An order for the level below, made of the marketplace order: the same lines and value."""

from dataclasses import replace

from oms_ledger.orders import events
from oms_ledger.orders.marketplace.levels import chain_sellers
from oms_ledger.orders.marketplace.shared_payments import payment_methods
from oms_ledger.orders.order import Order

_ENDPOINT = "http://portal.vtexcommerce.com.br/api/oms?an="
# What the level above says of itself only.
_OF_ABOVE = {"sellers", "marketplaceServicesEndpoint", "marketplace", "marketplaceItems"}


def seller_order_from(
    order: Order,
    *,
    account: str,
    order_id: str,
    direct: bool = False,
) -> events.OrderPlaced:
    """What is to be placed at `account`: a chain order when the lines have a seller below it.

    With `direct` it delivers by itself, whatever the lines say of a previous seller. Numbers and
    its own name are the account's to add (`as_placed`).
    """
    chain = list(chain_sellers(order.items[0])) if order.items and not direct else []
    own = not chain
    seller = "1" if own else chain[0]
    return events.OrderPlaced(
        flow="seller" if own else "chain",
        order_group="",
        sequence=0,
        seller=seller,
        seller_name=seller,
        items=tuple(_line(item, seller, chain) for item in order.items),
        totals=order.totals,
        logistics=order.logistics,
        payments=(),
        transaction_id=None,
        merchant_name=account.upper(),
        sales_channel=order.placed.sales_channel,
        marketplace_order_id=order.order_id,
        seller_order_id=order_id if own else None,
        affiliate_id=order_id.partition("-")[0],
        sold_by=order.account,
        marketing=order.placed.marketing,
        preferences=order.placed.preferences,
        store_preferences=order.placed.store_preferences,
        details={
            **{k: v for k, v in order.placed.details.items() if k not in _OF_ABOVE},
            "marketplaceServicesEndpoint": f"{_ENDPOINT}{order.account}",
            "marketplace": {
                "baseURL": f"{_ENDPOINT}{order.account}",
                "isCertified": True,
                "name": order.account,
            },
            "marketplaceOrderGroup": order.placed.order_group,
        },
        client_profile=order.placed.client_profile,
        address=order.placed.address,
        invoice_data=_invoice_data(order),
        custom_data=order.placed.custom_data,
        open_text=order.placed.open_text,
    )


def as_placed(
    offered: events.OrderPlaced, order_group: str, sequence: int, seller_name: str
) -> events.OrderPlaced:
    """The order with the numbers that its account gives it; `seller_name` where it delivers."""
    named = seller_name if offered.flow == "seller" else offered.seller_name
    return replace(offered, order_group=order_group, sequence=sequence, seller_name=named)


def _invoice_data(order: Order) -> events.Json:
    """What invoices need, and how the order was paid; nothing where nobody said."""
    given = order.placed.invoice_data
    methods = payment_methods(order)
    if not methods:
        return given
    info = given.get("userPaymentInfo")
    shown = info if isinstance(info, dict) else {}
    return {**given, "userPaymentInfo": {**shown, "paymentMethods": methods}}


def _line(item: events.Item, seller: str, chain: list[str]) -> events.Item:
    """Lines keep their unique ids, so that invoices find them on every level."""
    details = {k: v for k, v in item.details.items() if k != "sellerChain"}
    if chain:
        details["sellerChain"] = chain
    return replace(item, seller=seller, details=details)
