"""An order that was sold elsewhere, as its marketplace says it.

It becomes a seller order, or a chain order when a line's seller is another account. Its price
stands against what the marketplace pays; a difference is taken, waits for a person, or is refused,
by the ranges of the account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from oms_ledger.accounts import divergence
from oms_ledger.accounts.account import Account
from oms_ledger.orders.amounts import cents
from oms_ledger.orders.events import Json, OrderPlaced
from oms_ledger.orders.marketplace.placement_form import LONGEST_ID
from oms_ledger.orders.marketplace.shared_payments import read_shared
from oms_ledger.orders.marketplace.split import OWN, read_reference
from oms_ledger.orders.order_ids import is_path_segment
from oms_ledger.orders.placement.decide import read_lines
from oms_ledger.orders.placement.reading import refuse
from oms_ledger.orders.refusals import PriceDiverges
from oms_ledger.orders.totals import order_totals

_OF_THE_PROTOCOL = {
    "marketplaceOrderId",
    "marketplacePaymentValue",
    "marketplacePaymentReferenceValue",
    "priceDivergenceAllowanceRate",
    "isCreatedAsync",
    "paymentData",
    "allowFranchises",
    "pickupAccountName",
}
_OF_SHIPPING = ("trackingHints", "isMarketplaceFulfillment")


@dataclass(frozen=True, slots=True)
class Marketplace:
    """Who sold an order: an account here, or an outsider; `name` is what the document calls it."""

    affiliate: str
    sold_by: str | None = None
    outside: bool = False
    name: str | None = None


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
    try:
        fields = parse_qs(urlsplit(endpoint).query)
    except ValueError:
        return None
    return next((fields[key][0].lower() for key in ("an", "accountName") if fields.get(key)), None)


def receive(
    body: Json,
    *,
    account: Account,
    marketplace: Marketplace,
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
        or len(marketplace_order) > LONGEST_ID
        or not is_path_segment(marketplace_order)
    ):
        raise refuse("OMS004", "marketplaceOrderId is required: the order's id there, as a text")
    paid, reference = _paid(body)
    items, logistics, fields = read_lines(body, account, new_id)
    sellers = {OWN if item.seller == account.name else item.seller for item in items}
    if len(sellers) > 1:
        raise refuse("CHK0024", "Invalid seller for item: all lines need the same seller here")
    (seller,) = sellers
    own = seller == OWN
    totals = order_totals(items, logistics)
    details = {k: v for k, v in fields.pop("details").items() if k not in _OF_THE_PROTOCOL}
    order_id = f"{marketplace.affiliate}-{marketplace_order.strip()}"
    placed = OrderPlaced(
        flow="seller" if own else "chain",
        order_group=order_group,
        sequence=sequence,
        seller=seller,
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
        affiliate_id=marketplace.affiliate,
        sold_by=marketplace.sold_by,
        sold_outside=marketplace.outside,
        paid_above=paid,
        paid_for=reference,
        shared_payments=read_shared(body.get("paymentData")),
        details=_details(details, body, marketplace, marketplace_order.strip()),
        **fields,
    )
    worth = sum(total.value for total in totals)
    difference = _tolerated(body, account, reference, worth)
    if difference and not own:  # only who delivers can ask a person before anything is sent
        raise PriceDiverges(reference, worth)
    return Received(order_id, placed, difference)


def _paid(body: Json) -> tuple[int, int]:
    """What the marketplace pays, and what that stands for: the difference is interest."""
    paid = cents(body.get("marketplacePaymentValue"))
    if paid is None or paid < 0:
        found = body.get("marketplacePaymentValue")
        raise refuse("CHK0145", f"marketplacePaymentValue: found {found!r}, expected cents")
    return paid, read_reference(body, paid)


def _details(details: Json, body: Json, marketplace: Marketplace, marketplace_order: str) -> Json:
    """What the document shows of the marketplace order, besides what was sent of it."""
    shipping = body["shippingData"]
    shown = {name: shipping[name] for name in _OF_SHIPPING if shipping.get(name) is not None}
    if isinstance(shipping.get("isFob"), bool):
        shown["isFOB"] = shipping["isFob"]
    endpoint = details.get("marketplaceServicesEndpoint")
    return {
        "marketplaceOrderGroup": marketplace_order,
        "marketplace": {
            "baseURL": endpoint.partition("?")[0] if isinstance(endpoint, str) else None,
            "isCertified": marketplace.sold_by is not None,
            "name": marketplace.sold_by or marketplace.name or marketplace.affiliate,
        },
        **{name: value for name, value in details.items() if value is not None},
        **({"shippingData": shown} if shown else {}),
    }


def _tolerated(body: Json, account: Account, paid: int, worth: int) -> int:
    """0 within the account's ranges; else the difference, if a person may decide about it."""
    given = body.get("priceDivergenceAllowanceRate")
    rate = Decimal(str(given)) if isinstance(given, int | float) else None
    ranges = divergence.ranges_of(
        account.setting("price_divergence_rule"),
        account.settings.get("price_divergence_percent"),
        rate,
    )
    effect = divergence.effect_of(ranges, paid=paid, worth=worth)
    if effect == divergence.AUTHORIZE:
        return 0
    if effect == divergence.TASK and body.get("isCreatedAsync") is True:
        return paid - worth
    raise PriceDiverges(paid, worth)


def same_order(placed: OrderPlaced, again: OrderPlaced) -> bool:
    """Whether a placement that came again is the one that is there."""

    def content(order: OrderPlaced) -> Any:
        lines = [(i.id, i.seller, i.quantity, i.price, i.price_tags) for i in order.items]
        return lines, order.totals, order.client_profile.get("email"), order.flow

    return bool(content(placed) == content(again))
