"""The figures of a placement in one body: those that offers have, where a client may not set them.

A key that is trusted has its prices and freight taken as sent, and what it left out filled in.
Whoever else sends a figure has seen it: when offers say another, the purchase is mended first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from oms_ledger.carts.cart import Cart, CartLine, Choice, ChosenService, Json, Seen, with_messages
from oms_ledger.carts.documents import deliveries, lines
from oms_ledger.carts.documents.deliveries import Estimates
from oms_ledger.carts.pricing import PricedCart, PricedLine, Store
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.texts import message
from oms_ledger.carts.values import cents, text_of, whole
from oms_ledger.offers.postal import is_country

# What an offer says of a line where its client did not.
_SHOWN = (
    *("name", "skuName", "productId", "refId", "ean", "imageUrl", "detailUrl", "listPrice"),
    *("unitMultiplier", "measurementUnit", "productCategories", "productCategoryIds"),
    "additionalInfo",
)


@dataclass(frozen=True, slots=True)
class Offered:
    """A body with its figures. `from_offers` are the lines whose price offers gave.

    `mendable` is the cart as it would be now, where figures that a client sent moved.
    """

    body: Json
    from_offers: frozenset[int] = frozenset()
    mendable: PricedCart | None = None


def lacks_figures(body: Json) -> bool:
    """Whether a body leaves a price or a name to the offers."""
    items = body.get("items")
    return isinstance(items, list) and any(
        isinstance(one, dict) and (one.get("price") is None or not one.get("name")) for one in items
    )


def cart_of(body: Json, account: str, sales_channel: str, country: str) -> Cart:
    """The lines and the address of a body as a cart, to ask offers about."""
    shipping = body.get("shippingData")
    shipping = shipping if isinstance(shipping, dict) else {}
    items = body.get("items") or ()
    found = [_line(index, raw) for index, raw in enumerate(items)]
    infos = _by_index(shipping, len(found))
    return Cart(
        id=text_of(body.get("orderFormId")) or "",
        account=account,
        filling="",
        sales_channel=sales_channel,
        lines=tuple(
            replace(line, choice=_choice(infos.get(index, {}))) for index, line in enumerate(found)
        ),
        addresses=_addresses(shipping, country),
        profile=body.get("clientProfileData"),
    )


def _line(index: int, raw: Json) -> CartLine:
    sku, quantity = text_of(raw.get("id")), whole(raw.get("quantity"))
    if not sku:
        raise CartRefusal("CHK0022", place=f"items[{index}].id")
    if quantity is None or quantity < 1:
        raise CartRefusal("CHK0023", place=f"items[{index}].quantity")
    return CartLine(
        unique_id=str(index),
        id=sku,
        seller=text_of(raw.get("seller")) or "",
        quantity=quantity,
        services=_services(raw),
        seen=Seen(price=cents(raw.get("price")), quantity=quantity),
    )


def _by_index(shipping: Json, lines: int) -> dict[int, Json]:
    """The deliveries that were sent by their line; each names one, and no two the same."""
    given = shipping.get("logisticsInfo")
    found: dict[int, Json] = {}
    for number, info in enumerate(given if isinstance(given, list) else ()):
        place = f"shippingData.logisticsInfo[{number}]"
        if not isinstance(info, dict):
            raise CartRefusal("ORD006", "logisticsInfo", place=place)
        index = whole(info.get("itemIndex"))
        if index is None or not 0 <= index < lines:
            raise CartRefusal("CHK0041", place=f"{place}.itemIndex")
        if index in found:
            raise CartRefusal("CHK0108", place=f"{place}.itemIndex")
        found[index] = info
    return found


def _services(raw: Json) -> tuple[ChosenService, ...]:
    given = raw.get("bundleItems")
    return tuple(
        ChosenService(id=name)
        for one in (given if isinstance(given, list) else ())
        if isinstance(one, dict) and (name := text_of(one.get("id")))
    )


def _choice(info: Json) -> Choice:
    window = info.get("deliveryWindow")
    window = window if isinstance(window, dict) else {}
    start, end = text_of(window.get("startDateUtc")), text_of(window.get("endDateUtc"))
    return Choice(
        sla=text_of(info.get("selectedSla")) or None,
        channel=text_of(info.get("selectedDeliveryChannel")) or None,
        window=(start, end) if start and end else None,
    )


def _addresses(shipping: Json, country: str) -> tuple[Json, ...]:
    selected = shipping.get("selectedAddresses")
    given = [shipping.get("address"), *(selected if isinstance(selected, list) else ())]
    found = []
    for one in given:
        if not isinstance(one, dict):
            continue
        code = text_of(one.get("postalCode"))
        coordinates = one.get("geoCoordinates")
        numbers = [float(n) for n in coordinates or () if isinstance(n, int | float)]
        fields = text_of(one.get("country")) or country
        if is_country(fields) and (code or len(numbers) == 2):
            name = text_of(one.get("addressId")) or ""
            kind = text_of(one.get("addressType")) or "residential"
            found.append(
                {
                    **dict.fromkeys(("receiverName", "street", "city", "number")),
                    **one,
                    "country": fields,
                    "postalCode": code,
                    "geoCoordinates": numbers,
                    "addressId": name,
                    "addressType": kind,
                }
            )
    return tuple(found[:2])


def with_offers(
    body: Json, requested: Cart, priced: PricedCart, store: Store, now: datetime, *, trusted: bool
) -> Offered:
    """The body with the figures of the offers, as far as its client may not or did not set them."""
    infos = _by_index(body.get("shippingData") or {}, len(body["items"]))
    by_line = {int(one.line.unique_id): one for one in priced.lines}
    items: list[Json] = []
    logistics: list[Json] = []
    from_offers: set[int] = set()
    moved: list[str] = []
    for index, raw in enumerate(body["items"]):
        one = by_line.get(index)
        takes_price = not trusted or raw.get("price") is None
        if one is None or (takes_price and one.offer.price is None):
            if takes_price:
                _require_mendable(requested.lines[index], trusted)
                moved.append("ORD027")
            items.append(raw)
            if takes_price or index in infos:
                logistics.append(infos.get(index, {"itemIndex": index}))
            continue
        if takes_price:
            from_offers.add(index)
            moved += _moved(requested.lines[index], one, raw, infos.get(index, {}), trusted=trusted)
        items.append(_item(raw, one, now, takes_price=takes_price))
        if takes_price or index in infos:
            logistics.append(
                _delivery(
                    index, infos.get(index), one, store, now, trusted=trusted, all=takes_price
                )
            )
    shipping = {**(body.get("shippingData") or {}), "logisticsInfo": logistics}
    whole_body = {**body, "items": items, "shippingData": shipping}
    if not moved:
        return Offered(whole_body, frozenset(from_offers))
    return Offered(whole_body, frozenset(from_offers), _said(priced, moved, store))


def _require_mendable(line: CartLine, trusted: bool) -> None:
    """A key gets that it named nothing on offer; who saw the item gets that it went away."""
    if trusted:
        raise CartRefusal("CHK0022", place=f"{line.id} of seller {line.seller} is not on offer")


def _moved(line: CartLine, one: PricedLine, raw: Json, info: Json, *, trusted: bool) -> list[str]:
    """Which figures of the line are others than its client saw."""
    if not one.is_available:
        return [str(one.quote.availability)]
    if one.line.quantity != line.quantity:
        return ["itemQuantityNotAvailable"]
    found = []
    sent = line.seen.price if line.seen else None
    if sent is not None and sent != one.offer.price:
        found.append("changedPriceValue")
    freight = next(
        (
            fields
            for name in ("sellingPrice", "price")
            if (fields := cents(info.get(name))) is not None
        ),
        None,
    )
    if not trusted and freight is not None and freight != one.figures.freight:
        found.append("changedFreightPrice")
    if line.choice.sla is not None and one.delivery.sla is not None:
        named = one.delivery.sla.id == line.choice.sla
        if not named:
            raise CartRefusal("CHK0171", line.id, line.choice.sla)
    if len(one.services) != len(line.services):
        raise CartRefusal("CHK0022", place=f"a service of {line.id} is not on offer")
    if not trusted and _others_figures(raw):
        found.append("changedPriceValue")
    return found


def _others_figures(raw: Json) -> bool:
    """Whether a client sent figures that are no client's to set."""
    tags = raw.get("priceTags")
    return bool(isinstance(tags, list) and tags) or raw.get("manualPrice") is not None


def _said(priced: PricedCart, codes: Sequence[str], store: Store) -> PricedCart:
    locale = store.locale(priced.cart)
    known = {one.code for one in priced.cart.messages}
    more = [message(code, locale, "", {}) for code in dict.fromkeys(codes) if code not in known]
    return replace(priced, cart=with_messages(priced.cart, more))


def _item(raw: Json, one: PricedLine, now: datetime, *, takes_price: bool) -> Json:
    fields = lines.item(one, now, shows_manual_price=False)
    filled = {
        **raw,
        **{name: fields[name] for name in _SHOWN if raw.get(name) is None},
        "name": raw.get("name") or fields["name"],
    }
    if not takes_price:
        return filled
    taken = ("price", "listPrice", "tax", "priceTags", "unitMultiplier", "measurementUnit")
    kept = {name: value for name, value in filled.items() if name not in _FIGURES}
    return {**kept, **{name: fields[name] for name in taken}, "bundleItems": fields["bundleItems"]}


_FIGURES = {"manualPrice", "manualPriceAppliedBy", "sellingPrice", "priceDefinition"}


def _delivery(
    index: int,
    info: Json | None,
    one: PricedLine,
    store: Store,
    now: datetime,
    *,
    trusted: bool,
    all: bool,
) -> Json:
    """The line's delivery; its price is the offers' unless a trusted client set it."""
    fields = {"itemIndex": index, **(info or {})}
    chosen = one.delivery
    if chosen.sla is None or (trusted and (fields.get("price") is not None or not all)):
        if not trusted and chosen.sla is None:
            raise CartRefusal("ORD045", place=f"line {index} has no delivery")
        return fields
    if chosen.sla.windows and chosen.window is None:
        raise CartRefusal("ORD046", place=f"line {index}")
    shown = Estimates(now, store.time_zone, shown=True)
    sla = deliveries.sla(chosen.sla, one.line.seller, one.line.quantity, shown, chosen)
    return {
        **fields,
        "selectedSla": chosen.sla.id,
        "selectedDeliveryChannel": chosen.channel,
        "price": one.figures.freight,
        "sellingPrice": one.figures.freight,
        "listPrice": chosen.list_price,
        "tax": chosen.tax,
        "slas": [sla],
        "deliveryIds": sla["deliveryIds"],
        "shippingEstimate": chosen.sla.estimate,
        "shippingEstimateDate": sla["shippingEstimateDate"],
        "deliveryWindow": sla["deliveryWindow"],
        "pickupStoreInfo": sla["pickupStoreInfo"],
        "pickupPointId": sla["pickupPointId"],
    }
