"""A marketplace's order beside the account's offers: whether there is enough, and how it goes.

An account without offers takes orders as they are.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.offers.quote import Availability, LineInput, LineQuote, Place, Question
from oms_ledger.orders.events import Json
from oms_ledger.orders.marketplace.placement_form import PICKUP, Problems
from oms_ledger.orders.refusals import OffersBroken, OffersSilent
from oms_ledger.services.offers.sources import OfferSources

_GONE = (Availability.NOT_OFFERED, Availability.WITHOUT_STOCK, Availability.WITHOUT_PRICE)


async def with_offers(
    offers: OfferSources, account: Account, body: Json, sales_channel: str
) -> Json:
    """The order with prices and deliveries that it leaves to the account; refuses what is not
    on offer.
    """
    lines = await offers.quoting(_quoted, offers, account, body, sales_channel)
    if lines is None:
        return body
    wrong = Problems()
    _require_quantities(body["items"], lines, wrong)
    items = [
        _item(raw, quote, f"items[{index}]", wrong, trusted=account.setting("trust_request_prices"))
        for index, (raw, quote) in enumerate(zip(body["items"], lines, strict=True))
    ]
    shipping = body["shippingData"]
    infos = shipping["logisticsInfo"]
    if shipping.get("isFob") is not True:
        point = _pickup_point(shipping)
        infos = [
            _delivery(
                info, quote, items[index], f"shippingData.logisticsInfo[{index}]", point, wrong
            )
            for index, (info, quote) in enumerate(zip(infos, lines, strict=True))
        ]
    wrong.refuse()
    return {**body, "items": items, "shippingData": {**shipping, "logisticsInfo": infos}}


def _quoted(
    offers: OfferSources, account: Account, body: Json, sales_channel: str, *, waits: bool
) -> Sequence[LineQuote] | None:
    """What the account has of each line; None where it has no offers."""
    if not offers.has_offers(account):
        return None
    question = Question(
        lines=tuple(_requested(account, raw) for raw in body["items"]),
        now=offers.cell.clock.now(),
        channel=sales_channel,
        place=_place(account, body["shippingData"].get("address") or {}),
    )
    quoted = offers.quote(account, question, waits=waits)
    if quoted.silent_seller is not None:
        raise (OffersBroken if quoted.broken else OffersSilent)(account.name)
    return quoted.lines


def _requested(account: Account, raw: Json) -> LineInput:
    seller = str(raw["seller"])
    own = seller in ("1", account.name)
    return LineInput(str(raw["id"]), "1" if own else seller, int(raw["quantity"]))


def delivers(
    offers: OfferSources, account: Account, body: Json, sales_channel: str, *, waits: bool
) -> bool:
    """Whether the seller of the lines has all of them, with the deliveries that are selected.

    An account that has no offers is not looked into.
    """
    lines = _quoted(offers, account, body, sales_channel, waits=waits)
    if lines is None:
        return True
    infos = body["shippingData"]["logisticsInfo"]
    return all(
        quote.availability not in _GONE
        and quote.quantity >= int(raw["quantity"])
        and any(
            one.channel != PICKUP and info.get("selectedSla") in (None, one.id)
            for one in quote.slas
        )
        for raw, info, quote in zip(body["items"], infos, lines, strict=True)
    )


def _place(account: Account, address: Json) -> Place | None:
    code = address.get("postalCode")
    given = address.get("geoCoordinates")
    numbers = [one for one in given or () if isinstance(one, int | float)]
    if not code and len(numbers) != 2:
        return None
    country = str(address.get("country") or account.setting("country"))
    return Place(country, str(code) if code else None, tuple(float(one) for one in numbers))


def _require_quantities(items: Sequence[Json], lines: Sequence[LineQuote], wrong: Problems) -> None:
    """Lines of one SKU stay apart, and together are no more than an order may have of it."""
    requested: Counter[str] = Counter()
    for index, (raw, quote) in enumerate(zip(items, lines, strict=True)):
        sku, most = str(raw["id"]), quote.offer.max_quantity if quote.offer else None
        requested[sku] += int(raw["quantity"])
        if most is not None and requested[sku] > most:
            text = f"Maximum quantity {most} for items has exceeded"
            wrong.add("FMT0043", f"items[{index}].quantity", text)


def _pickup_point(shipping: Json) -> str | None:
    """The point that the address of a pickup is."""
    addresses = [*(shipping.get("selectedAddresses") or ()), shipping.get("address")]
    named = (
        one.get("addressId")
        for one in addresses
        if isinstance(one, dict) and str(one.get("addressType")).lower() == "pickup"
    )
    return next((str(one) for one in named if one), None)


def _item(raw: Json, quote: LineQuote, place: str, wrong: Problems, *, trusted: bool) -> Json:
    wanted = int(raw["quantity"])
    if quote.availability in _GONE or quote.quantity < wanted:
        wrong.add("FMT005", place, f"Item {raw['id']} is not available")
    offered = quote.offer.price if quote.offer else None
    if offered is None or (trusted and raw.get("price") is not None):
        return raw
    return {**raw, "price": offered}


def _delivery(
    info: Json, quote: LineQuote, item: Json, place: str, point: str | None, wrong: Problems
) -> Json:
    """The delivery as it was chosen, or the cheapest where none was."""
    channel = info.get("selectedDeliveryChannel") or "delivery"
    chosen: Any = info.get("selectedSla")
    slas = [one for one in quote.slas if one.channel == channel]
    if channel == PICKUP and point is not None and chosen is None:
        slas = [one for one in slas if one.pickup_point and one.pickup_point.id == point]
        if not slas and quote.availability not in _GONE:
            wrong.add("FMT0061", place, "Invalid pickup point id")
            return info
    if not slas and channel != PICKUP:
        if quote.availability not in _GONE:
            wrong.add("FMT003", place, f"There is no SLA for item {item['id']}")
        return info
    if chosen is None:
        cheapest = min(slas, key=lambda one: (one.price, one.id), default=None)
        return info if cheapest is None else {**info, "selectedSla": cheapest.id}
    if chosen not in [one.id for one in slas]:
        wrong.add("FMT010", place, f"The selected SLA for item {item['id']} is not available")
    return info
