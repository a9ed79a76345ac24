"""A cart that nobody keeps: what lines would cost, and how they could be sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from oms_ledger.carts.cart import MAX_ENTRIES, MAX_QUANTITY, Cart, CartLine, Choice, Json, Seen
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.shipping import require_postal_code
from oms_ledger.carts.values import objects, require_object, text_of, whole
from oms_ledger.offers.postal import is_country


@dataclass(frozen=True, slots=True)
class Simulation:
    """A request for a simulation: its lines as a cart, and the place as it was asked for."""

    cart: Cart
    country: str | None
    postal_code: str | None
    coordinates: list[float] | None
    marketing: Json | None


def read_simulation(
    body: object,
    *,
    account: str,
    country: str,
    sales_channel: str,
    lines_of_cart: Sequence[CartLine] = (),
) -> Simulation:
    """The request as a cart; refuses items that cannot be asked for."""
    fields = require_object(body, "ORD055", "the body")
    items = objects(fields.get("items"), "ORD055", "items")
    if len(items) > MAX_ENTRIES:
        raise CartRefusal("CHK0062", MAX_ENTRIES)
    lines = [_line(item, index) for index, item in enumerate(items)] or [
        CartLine(
            unique_id=str(index),
            id=line.id,
            seller=line.seller,
            quantity=line.quantity,
            seen=Seen(price=None, quantity=line.quantity),
        )
        for index, line in enumerate(lines_of_cart)
    ]
    shipping = fields.get("shippingData")
    shipping = shipping if isinstance(shipping, dict) else {}
    lines = _with_choices(lines, shipping)
    sent_country, code, coordinates = _place(fields, shipping, country)
    address = None
    if code or coordinates:
        address = {
            "addressType": "search",
            "addressId": "simulation",
            "country": sent_country or country,
            "postalCode": code,
            "geoCoordinates": coordinates or [],
        }
    marketing = fields.get("marketingData")
    cart = Cart(
        id="",
        account=account,
        filling="",
        sales_channel=sales_channel,
        lines=tuple(lines),
        addresses=(address,) if address else (),
        marketing=marketing if isinstance(marketing, dict) else None,
    )
    return Simulation(cart, sent_country, code, coordinates, cart.marketing)


def _line(item: Json, index: int) -> CartLine:
    sku = text_of(item.get("id"))
    if not sku:
        raise CartRefusal("ORD055", place=f"items[{index}].id")
    quantity = 1 if item.get("quantity") is None else whole(item["quantity"])
    if quantity is None or not 1 <= quantity <= MAX_QUANTITY:
        raise CartRefusal("CHK0023", place=f"items[{index}].quantity")
    seller = text_of(item.get("seller"))
    if not seller:
        raise CartRefusal("CHK0024", place=f"items[{index}].seller")
    return CartLine(
        unique_id=str(index),
        id=sku,
        seller=seller,
        quantity=quantity,
        seen=Seen(price=None, quantity=quantity),
    )


def _with_choices(lines: list[CartLine], shipping: Json) -> list[CartLine]:
    """The lines with the deliveries that were asked for, by index or by position."""
    chosen = list(lines)
    infos = objects(shipping.get("logisticsInfo"), "CHK0041", "shippingData.logisticsInfo")
    for position, info in enumerate(infos):
        index = position if info.get("itemIndex") is None else whole(info["itemIndex"])
        if index is None or not 0 <= index < len(lines):
            raise CartRefusal("CHK0041", place=f"shippingData.logisticsInfo[{position}]")
        line = chosen[index]
        chosen[index] = CartLine(
            unique_id=line.unique_id,
            id=line.id,
            seller=line.seller,
            quantity=line.quantity,
            seen=line.seen,
            choice=Choice(
                sla=text_of(info.get("selectedSla")) or None,
                channel=text_of(info.get("selectedDeliveryChannel")) or None,
            ),
        )
    return chosen


def _place(
    fields: Json, shipping: Json, country: str
) -> tuple[str | None, str | None, list[float] | None]:
    """Country, postal code and coordinates as requested, of the body or of its first address."""
    selected = shipping.get("selectedAddresses")
    address = selected[0] if isinstance(selected, list) and selected else shipping.get("address")
    address = address if isinstance(address, dict) else {}
    requested = fields.get("country") or address.get("country")
    if requested is not None and not is_country(requested):
        raise CartRefusal("ORD026", str(requested)[:20])
    code = text_of(fields.get("postalCode") or address.get("postalCode")) or None
    if code is not None:
        require_postal_code(code, requested or country)
    given = fields.get("geoCoordinates") or address.get("geoCoordinates")
    coordinates = None
    if isinstance(given, list) and len(given) == 2:
        numbers = [float(one) for one in given if isinstance(one, int | float)]
        coordinates = numbers if len(numbers) == 2 else None
    return requested, code, coordinates
