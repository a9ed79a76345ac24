"""A purchase that an outsider sold as a group: one order per seller, and their shares of its price.

The value that the marketplace pays is divided by what each order costs, and no cent is lost.
"""

from oms_ledger.accounts.account import Account
from oms_ledger.orders.amounts import cents, count
from oms_ledger.orders.marketplace.placement_form import LONGEST_ENDPOINT, require_kept_fields
from oms_ledger.orders.parts import Json
from oms_ledger.orders.placement.decide import read_lines, sellers_named
from oms_ledger.orders.placement.reading import raw_items, refuse
from oms_ledger.orders.pricing import divide
from oms_ledger.orders.totals import order_totals

OWN = "1"


def split_group(body: Json, account: Account, group: str) -> list[Json]:
    """The orders of a group as they would be sent one by one: `{group}-01`, `{group}-02`, …"""
    items = raw_items(body)
    if any(item.get("isGift") is True for item in items):
        raise refuse("ORD017", "A gift cannot be part of an order of a marketplace's group")
    sellers_named(body, sold_before=1)
    lines = _lines_by_seller(items, account)
    paid = cents(body.get("marketplacePaymentValue"))
    if paid is None or paid < 0:
        found = body.get("marketplacePaymentValue")
        raise refuse("CHK0145", f"marketplacePaymentValue: found {found!r}, expected cents")
    endpoint = body.get("marketplaceServicesEndpoint")
    if not isinstance(endpoint, str) or not endpoint.strip():
        raise refuse("CHK0146", "marketplaceServicesEndpoint is required")
    if len(endpoint) > LONGEST_ENDPOINT:
        raise refuse("CHK0146", f"marketplaceServicesEndpoint: more than {LONGEST_ENDPOINT}")
    require_kept_fields(body)
    reference = read_reference(body, paid)
    parts = [_part(body, items, places) for places in lines.values()]
    worth = [_value(part, account) for part in parts]
    # Each is divided by itself, so that no order stands for more than is paid for it.
    shares, interest = divide(reference, worth), divide(paid - reference, worth)
    return [
        {
            **part,
            "marketplaceOrderId": f"{group}-{number:02d}",
            "marketplacePaymentValue": share + more,
            "marketplacePaymentReferenceValue": share,
        }
        for number, (part, share, more) in enumerate(zip(parts, shares, interest, strict=True), 1)
    ]


def read_reference(body: Json, paid: int) -> int:
    """What a payment stands for, in cents: all of it, where the marketplace says nothing else."""
    given = body.get("marketplacePaymentReferenceValue")
    reference = paid if given is None else cents(given)
    if reference is None or not 0 <= reference <= paid:
        raise refuse("FMT0066", "Invalid marketplace payment reference value")
    return reference


def chain_id(body: Json) -> str:
    """What a marketplace's order is called as the one order of a group."""
    group = body.get("marketplaceOrderGroup")
    named = group if isinstance(group, str) and group.strip() else body["marketplaceOrderId"]
    return f"{named.strip()}-01"


def of_franchise(body: Json, seller: str) -> Json:
    """A marketplace's order with all its lines at one account below: the only one of its group."""
    if any(item.get("isGift") is True for item in body["items"]):
        raise refuse("ORD017", "A gift cannot be part of an order that a franchise delivers")
    named = chain_id(body)
    return {
        **body,
        "items": [{**item, "seller": seller} for item in body["items"]],
        "marketplaceOrderId": named,
        "marketplaceOrderGroup": named.removesuffix("-01"),
    }


def _lines_by_seller(items: list[Json], account: Account) -> dict[str, list[int]]:
    lines: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        seller = OWN if item["seller"] == account.name else item["seller"]
        lines.setdefault(seller, []).append(place)
    return lines


def _part(body: Json, items: list[Json], places: list[int]) -> Json:
    """What a body says of some of its lines, which are numbered anew."""
    numbers = {place: number for number, place in enumerate(places)}
    shipping = body.get("shippingData")
    part = {**body, "items": [items[place] for place in places]}
    given = shipping.get("logisticsInfo") if isinstance(shipping, dict) else None
    if isinstance(shipping, dict) and isinstance(given, list):
        deliveries = [
            {**one, "itemIndex": numbers[place]}
            for one in given
            if isinstance(one, dict) and (place := _place(one)) in numbers
        ]
        part["shippingData"] = {**shipping, "logisticsInfo": deliveries}
    return part


def _place(delivery: Json) -> int:
    place = count(delivery.get("itemIndex"), text=True)
    return -1 if place is None else place


def _value(part: Json, account: Account) -> int:
    """What the order costs, in cents; its lines get their ids when it is placed."""
    items, logistics, _ = read_lines(part, account, lambda: "")
    return sum(total.value for total in order_totals(items, logistics))
