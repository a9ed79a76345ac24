"""An order that was sold elsewhere, as the marketplace says it (contract 06 §2, 05 §8).

It becomes a seller order, or a chain order when a line's seller is another account. Its price
stands against what the marketplace pays; a difference beyond the account's rate is refused, or
waits for a person where the marketplace does not wait for the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from oms_ledger.accounts.account import Account
from oms_ledger.orders.amounts import cents
from oms_ledger.orders.events import Json, OrderPlaced
from oms_ledger.orders.placement.decide import read_lines
from oms_ledger.orders.placement.reading import refuse
from oms_ledger.orders.refusals import PriceDiverges
from oms_ledger.orders.totals import order_totals

_LONGEST_ID = 100
_OF_THE_PROTOCOL = {
    "marketplaceOrderId",
    "marketplacePaymentValue",
    "isCreatedAsync",
    "paymentData",
    "allowFranchises",
    "pickupAccountName",
}


@dataclass(frozen=True, slots=True)
class Received:
    """The id it gets here, the order, and by how many cents the price diverges."""

    order_id: str
    placed: OrderPlaced
    difference: int


def account_named(endpoint: object) -> str | None:
    """The account that a `marketplaceServicesEndpoint` names by `an=`."""
    if not isinstance(endpoint, str):
        return None
    fields = parse_qs(urlsplit(endpoint).query)
    return next((fields[key][0].lower() for key in ("an", "accountName") if fields.get(key)), None)


def receive(
    body: Json,
    *,
    account: Account,
    affiliate: str,
    sold_by: str | None,
    sold_outside: bool = False,
    order_group: str,
    sequence: int,
    new_id: Callable[[], str],
    sales_channel: str = "1",
) -> Received:
    """The order that a marketplace places here; refuses what cannot become one."""
    marketplace_order = body.get("marketplaceOrderId")
    if (
        not isinstance(marketplace_order, str)
        or not marketplace_order.strip()
        or len(marketplace_order) > _LONGEST_ID
    ):
        raise refuse("OMS004", "marketplaceOrderId is required: the order's id above, as a text")
    paid = cents(body.get("marketplacePaymentValue"))
    if paid is None or paid < 0:
        found = body.get("marketplacePaymentValue")
        raise refuse("CHK0145", f"marketplacePaymentValue: found {found!r}, expected cents")
    items, logistics, fields = read_lines(body, account, new_id)
    sellers = {item.seller for item in items}
    if len(sellers) > 1:
        raise refuse("CHK0024", "Invalid seller for item: all lines need the same seller here")
    (seller,) = sellers
    own = seller in ("1", account.name)
    totals = order_totals(items, logistics)
    details = {k: v for k, v in fields.pop("details").items() if k not in _OF_THE_PROTOCOL}
    order_id = f"{affiliate}-{marketplace_order.strip()}"
    placed = OrderPlaced(
        flow="seller" if own else "chain",
        order_group=order_group,
        sequence=sequence,
        seller="1" if own else seller,
        seller_name=(account.setting("seller_name") or account.name) if own else seller,
        items=tuple(items),
        totals=totals,
        logistics=tuple(logistics),
        payments=(),
        transaction_id=None,
        merchant_name=account.name.upper(),
        sales_channel=sales_channel,
        marketplace_order_id=marketplace_order.strip(),
        seller_order_id=order_id if own else None,
        affiliate_id=affiliate,
        sold_by=sold_by,
        sold_outside=sold_outside,
        details=details,
        **fields,
    )
    difference = paid - sum(total.value for total in totals)
    return Received(order_id, placed, _tolerated(body, account, difference, paid))


def _tolerated(body: Json, account: Account, difference: int, paid: int) -> int:
    """0 within the account's rate; else the difference, if a person may decide about it."""
    rate = Decimal(account.setting("price_divergence_percent"))
    if abs(difference) * 100 <= rate * (paid - difference):
        return 0
    if body.get("isCreatedAsync") is True:
        return difference
    raise PriceDiverges(paid, paid - difference)


def same_order(placed: OrderPlaced, again: OrderPlaced) -> bool:
    """Whether a placement that came again is the one that is there."""

    def content(order: OrderPlaced) -> Any:
        lines = [(i.id, i.seller, i.quantity, i.price, i.price_tags) for i in order.items]
        return lines, order.totals, order.client_profile.get("email"), order.flow

    return bool(content(placed) == content(again))
