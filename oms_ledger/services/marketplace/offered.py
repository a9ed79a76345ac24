"""A marketplace's order beside the account's offers: whether there is enough, and how it goes.

An account without offers takes orders as they are.
"""

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
    items = [
        _item(raw, quote, f"items[{index}]", wrong, trusted=account.setting("trust_request_prices"))
        for index, (raw, quote) in enumerate(zip(body["items"], lines, strict=True))
    ]
    shipping = body["shippingData"]
    infos = shipping["logisticsInfo"]
    if shipping.get("isFob") is not True:
        infos = [
            _delivery(info, quote, items[index], f"shippingData.logisticsInfo[{index}]", wrong)
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
        lines=tuple(LineInput(str(raw["id"]), "1", int(raw["quantity"])) for raw in body["items"]),
        now=offers.cell.clock.now(),
        channel=sales_channel,
        place=_place(account, body["shippingData"].get("address") or {}),
    )
    quoted = offers.quote(account, question, waits=waits)
    if quoted.silent_seller is not None:
        raise (OffersBroken if quoted.broken else OffersSilent)(account.name)
    return quoted.lines


def _place(account: Account, address: Json) -> Place | None:
    code = address.get("postalCode")
    given = address.get("geoCoordinates")
    numbers = [one for one in given or () if isinstance(one, int | float)]
    if not code and len(numbers) != 2:
        return None
    country = str(address.get("country") or account.setting("country"))
    return Place(country, str(code) if code else None, tuple(float(one) for one in numbers))


def _item(raw: Json, quote: LineQuote, place: str, wrong: Problems, *, trusted: bool) -> Json:
    wanted = int(raw["quantity"])
    if quote.availability in _GONE or quote.quantity < wanted:
        wrong.add("FMT005", place, f"Item {raw['id']} is not available")
    offered = quote.offer.price if quote.offer else None
    if offered is None or (trusted and raw.get("price") is not None):
        return raw
    return {**raw, "price": offered}


def _delivery(info: Json, quote: LineQuote, item: Json, place: str, wrong: Problems) -> Json:
    """The delivery as it was chosen, or the cheapest where none was."""
    channel = info.get("selectedDeliveryChannel") or "delivery"
    chosen: Any = info.get("selectedSla")
    slas = [one for one in quote.slas if one.channel == channel]
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
