"""The levels of a sale: who sold, who may stand between, who delivers (contract 06 §7).

Each account that takes part has an order of its own. The level below names its order after the
marketplace order: `{affiliate}-{id above}`. The affiliate is the one that the register of the level
above names, `MKT-v1acme-01`, else `00`. Further sellers that the order was proposed to are counted:
`01-…` for the second one.
A seller outside the deployment names its order as it likes; until it did, it may know it by ours.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from oms_ledger.orders.events import Item
from oms_ledger.orders.order import Order


def delegated(order: Order) -> bool:
    """Whether another account delivers this order."""
    return order.flow in ("marketplace", "chain")


def seller_order_id_of(order: Order) -> str:
    """The id of the order at its present seller, whether or not that has confirmed it."""
    if order.placed.seller_outside:
        return order.seller_order_id or order.order_id
    return order.seller_order_id or f"{order.placed.seller_affiliate}-{order.order_id}"


def marketplace_endpoint(order: Order) -> str | None:
    """Where the outsider that sold the order is notified; None when it has no usable address.

    Http is for networks that the operator opened, which was seen when the order was placed.
    """
    endpoint = order.placed.details.get("marketplaceServicesEndpoint")
    sold_here = order.flow not in ("seller", "chain") or order.placed.sold_by is not None
    if sold_here or not isinstance(endpoint, str):
        return None
    try:
        parts = urlsplit(endpoint.strip())
        host = parts.hostname
    except ValueError:
        return None
    usable = parts.scheme == "https" or (parts.scheme == "http" and order.placed.sold_outside)
    return endpoint.strip() if usable and host else None


def marketplace_group(order: Order) -> str:
    """What the level above calls the purchase."""
    group = order.placed.details.get("marketplaceOrderGroup")
    if isinstance(group, str) and group:
        return group
    return order.placed.marketplace_order_id or ""


def marketplace_order_id_of(order_id: str) -> str:
    """What the order of that id is called one level above; itself where that has no other id."""
    affiliate, _, rest = order_id.partition("-")
    return rest if rest and len(affiliate) == 2 and affiliate.isdigit() else order_id


def fulfills(order: Order, account: str, order_id: str) -> bool:
    """Whether that order of that account is the one which delivers this order now."""
    return delegated(order) and order.seller == account and seller_order_id_of(order) == order_id


def chain_sellers(item: Item) -> Sequence[str]:
    """The sellers below a line's seller, nearest first: the rest of its `sellerChain`."""
    chain = item.details.get("sellerChain")
    return [str(one) for one in chain[1:]] if isinstance(chain, list) else []
