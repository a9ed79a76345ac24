"""The form of an order that a marketplace places: every wrong field with its published code."""

import re
from collections.abc import Mapping
from typing import Any

from oms_ledger.orders.amounts import cents, count
from oms_ledger.orders.events import Json
from oms_ledger.orders.marketplace.key_spelling import as_published
from oms_ledger.orders.order_ids import is_path_segment
from oms_ledger.orders.refusals import InvalidMarketplaceOrder

PICKUP = "pickup-in-point"
LONGEST_ID, LONGEST_ENDPOINT, MOST_LINES = 100, 2000, 1000
PERIOD = re.compile(r"[0-9]{1,4}(bd|d|h|m)")
_CHANNELS = ("delivery", PICKUP)
_FLAGS = ("isCreatedAsync", "allowFranchises")
_FLAGS_OF_SHIPPING = ("isFob", "isMarketplaceFulfillment")
_UNFIT_ADDRESS = "The address cannot be used for the given delivery channel"
# Codes of a purchase here, and the codes that marketplaces get instead.
_SHOWN = {
    "ORD005": "FMT0026",
    "CHK0022": "FMT0039",
    "CHK0023": "FMT0038",
    "CHK0024": "FMT0040",
    "CHK0025": "FMT0041",
    "CHK0053": "FMT0041",
    "CHK0041": "FMT0057",
    "CHK0108": "FMT0089",
    "ORD045": "FMT001",
    "ORD006": "FMT0074",
    "ORD044": "FMT0095",
    "ORD048": "FMT0095",
    "ORD022": "FMT001",
    "CHK0145": "FMT0042",
}


def published_code(code: str) -> str:
    """The code that says to a marketplace what is wrong with its order."""
    return _SHOWN.get(code, code)


class Problems:
    """What is wrong with a body, in the order that it was found."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str]] = []

    def add(self, code: str, place: str, sentence: str) -> None:
        """Keep one, by its published code, the place of the field, and what was expected there."""
        self.found.append((code, place, sentence))

    def refuse(self) -> None:
        """Refuse the body if anything is wrong with it."""
        if self.found:
            code, place, sentence = self.found[0]
            fields = {place: f"{code}: {text}" for code, place, text in reversed(self.found)}
            raise InvalidMarketplaceOrder(code, f"{sentence}: {place}", fields)


def read_form(body: Any, account: str) -> Json:
    """The body as published, complete and with its parts where they are looked for."""
    wrong = Problems()
    read = as_published(body)
    _ids(read, wrong)
    _flags(read, _FLAGS, "", wrong)
    _payment(read, wrong)
    lines = _items(read, account, wrong)
    _profile(read, wrong)
    shipping = _shipping(read, lines, wrong)
    _invoice_data(read, wrong)
    _custom_data(read, wrong)
    wrong.refuse()
    return {**read, "shippingData": shipping}


def require_kept_fields(body: Json) -> None:
    """Refuse what could not be kept as the marketplace sent it, whoever placed by whatever path."""
    wrong = Problems()
    read = as_published(body)
    _flags(read, _FLAGS, "", wrong)
    if isinstance(shipping := read.get("shippingData"), dict):
        _hints(shipping, wrong)
    _invoice_data(read, wrong)
    _custom_data(read, wrong)
    wrong.refuse()


def _ids(body: Json, wrong: Problems) -> None:
    marketplace_order = body.get("marketplaceOrderId")
    if not isinstance(marketplace_order, str) or not _text(marketplace_order, LONGEST_ID):
        wrong.add("FMT015", "marketplaceOrderId", "Marketplace id has not been provided")
    elif not is_path_segment(marketplace_order):
        wrong.add("FMT015", "marketplaceOrderId", "No path can name this marketplace id")
    if not _text(body.get("marketplaceServicesEndpoint"), LONGEST_ENDPOINT):
        wrong.add(
            "FMT0070",
            "marketplaceServicesEndpoint",
            "The endpoint to marketplace's service has not been provided",
        )


def _flags(part: Json, names: tuple[str, ...], place: str, wrong: Problems) -> None:
    for name in names:
        if not isinstance(part.get(name), bool | None):
            wrong.add("OMS004", f"{place}{name}", "Expected true or false")


def _text(value: object, longest: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= longest


def _payment(body: Json, wrong: Problems) -> None:
    paid = cents(body.get("marketplacePaymentValue"))
    if paid is None or paid < 0:
        place = "marketplacePaymentValue"
        wrong.add("FMT0042", place, "Invalid marketplace payment value or payment data")
        return
    reference = body.get("marketplacePaymentReferenceValue")
    if reference is None:
        return
    stands_for = cents(reference)
    if stands_for is None or not 0 <= stands_for <= paid:
        place = "marketplacePaymentReferenceValue"
        wrong.add("FMT0066", place, "Invalid marketplace payment reference value")


def _items(body: Json, account: str, wrong: Problems) -> int:
    items = body.get("items")
    if not isinstance(items, list) or not items:
        wrong.add(
            "FMT0026",
            "items",
            "Cannot be created an empty order. Please send an order or check your input request",
        )
        return 0
    if len(items) > MOST_LINES:
        wrong.add("FMT0104", "items", "Too many items in request")
        return 0
    for index, raw in enumerate(items):
        _item(raw if isinstance(raw, dict) else {}, f"items[{index}]", account, wrong)
    return len(items)


def _item(raw: Json, place: str, account: str, wrong: Problems) -> None:
    sku = raw.get("id")
    if isinstance(sku, bool) or not isinstance(sku, str | int) or not str(sku).strip():
        wrong.add("FMT0039", f"{place}.id", "Invalid id for item")
    quantity = count(raw.get("quantity"), text=True)
    if quantity is None or quantity < 1:
        wrong.add("FMT0038", f"{place}.quantity", "Invalid quantity for item")
    if str(raw.get("seller")) not in ("1", account) or isinstance(raw.get("seller"), bool):
        wrong.add("FMT0040", f"{place}.seller", "Invalid seller for item")
    price = cents(raw.get("price"), text=True)
    if raw.get("price") is not None and (price is None or price < 0):
        wrong.add("FMT0041", f"{place}.price", "Invalid price for item")


def _profile(body: Json, wrong: Problems) -> None:
    profile = body.get("clientProfileData")
    if not isinstance(profile, dict):
        wrong.add("ORD007", "clientProfileData", "The client's profile is required")
        return
    for name in ("email", "firstName", "lastName"):
        if not _text(profile.get(name), 2000):
            wrong.add("ORD007", f"clientProfileData.{name}", "A text is required")


def _shipping(body: Json, lines: int, wrong: Problems) -> Json:
    shipping = body.get("shippingData")
    if not isinstance(shipping, dict) or not isinstance(shipping.get("logisticsInfo"), list):
        text = "Cannot reserve items without shipping data"
        wrong.add("FMT001", "shippingData.logisticsInfo", text)
        return {}
    fob = shipping.get("isFob") is True
    addresses = _addresses(shipping, wrong)
    infos = _deliveries(shipping["logisticsInfo"], lines, wrong, fob=fob)
    delivered = [one for one in infos if _channel(one) == "delivery"]
    if any(_channel(one) != PICKUP for one in infos):
        _require_place(addresses, wrong)
    if delivered and addresses and all(map(_of_pickup, addresses)):
        index = delivered[0]["itemIndex"]
        place = f"shippingData.logisticsInfo[{index}].selectedDeliveryChannel"
        wrong.add("FMT0095", place, _UNFIT_ADDRESS)
    _hints(shipping, wrong)
    read = {**shipping, "logisticsInfo": infos}
    if addresses:
        read["address"] = addresses[0]
    return read


def _hints(shipping: Json, wrong: Problems) -> None:
    """What the marketplace says of the delivery beside its price and place."""
    _flags(shipping, _FLAGS_OF_SHIPPING, "shippingData.", wrong)
    hints = shipping.get("trackingHints")
    if not isinstance(hints, list | None):
        wrong.add("FMT0096", "shippingData.trackingHints", "Invalid tracking id")
        return
    for number, hint in enumerate(hints or ()):
        _hint(hint, f"shippingData.trackingHints[{number}]", wrong)


def _hint(hint: Any, place: str, wrong: Problems) -> None:
    fields = hint if isinstance(hint, dict) else {}
    for name, what in (("trackingId", "tracking id"), ("courierName", "tracking courier name")):
        if not _text(fields.get(name), 2000):
            wrong.add("FMT0096", f"{place}.{name}", f"Invalid {what}")


def _addresses(shipping: Json, wrong: Problems) -> list[Json]:
    """Where to: the selected addresses, else the address."""
    selected = shipping.get("selectedAddresses")
    given = [one for one in selected or () if isinstance(one, dict) and one]
    if not given and isinstance(shipping.get("address"), dict) and shipping["address"]:
        given = [shipping["address"]]
    to_people = [one for one in given if not _of_pickup(one)]
    place = "shippingData.selectedAddresses"
    if len(to_people) > 1:
        wrong.add("FMT0072", place, "Multiple delivery addresses are not allowed")
    if len({str(one.get("country")) for one in given}) > 1:
        wrong.add("FMT0073", place, "Multiple address countries are not allowed")
    return to_people + [one for one in given if one not in to_people]


def _of_pickup(address: Json) -> bool:
    return str(address.get("addressType")).lower() == "pickup"


def _require_place(addresses: list[Json], wrong: Problems) -> None:
    first = addresses[0] if addresses else {}
    if not str(first.get("postalCode") or "").strip() and not first.get("geoCoordinates"):
        text = "Addresses must have postal code or geocoordinates"
        wrong.add("FMT0074", "shippingData.selectedAddresses", text)


def _deliveries(infos: list[Any], lines: int, wrong: Problems, *, fob: bool) -> list[Json]:
    """The delivery of each line, by its index."""
    found: dict[int, Json] = {}
    for number, given in enumerate(infos):
        place = f"shippingData.logisticsInfo[{number}]"
        info = given if isinstance(given, dict) else {}
        index = info.get("itemIndex")
        index = number if index is None else count(index, text=True)
        if index is None or not 0 <= index < lines:
            wrong.add("FMT0057", f"{place}.itemIndex", "Invalid item index")
            continue
        if index in found:
            wrong.add("FMT0089", f"{place}.itemIndex", "Duplicated item index")
        _delivery(info, place, wrong, fob=fob)
        sla = info.get("selectedSla")
        shown = f"vtex:fob_{index}" if fob and sla is None else sla
        found[index] = {**info, "itemIndex": index, "selectedSla": shown}
    for index in range(lines):
        if index not in found:
            text = f"There is no selected SLA for item {index}"
            wrong.add("FMT004", f"shippingData.logisticsInfo[{index}]", text)
    return [found[index] for index in sorted(found)]


def _delivery(info: Json, place: str, wrong: Problems, *, fob: bool) -> None:
    channel = _channel(info)
    if channel not in _CHANNELS or (fob and channel == PICKUP):
        wrong.add("FMT0095", f"{place}.selectedDeliveryChannel", _UNFIT_ADDRESS)
    for name, code, text in (
        ("lockTTL", "FMT0077", "Invalid reservation TTL"),
        ("shippingEstimate", "FMT0079", "Invalid reservation estimate"),
    ):
        period = info.get(name)
        if period is not None and not (isinstance(period, str) and PERIOD.fullmatch(period)):
            wrong.add(code, f"{place}.{name}", text)
    price = info.get("price")
    amount = cents(price, text=True)
    if price is not None and (amount is None or amount < 0):
        wrong.add("FMT0041", f"{place}.price", "Invalid price for the delivery of an item")


def _channel(info: Mapping[str, Any]) -> Any:
    return info.get("selectedDeliveryChannel") or "delivery"


def _invoice_data(body: Json, wrong: Problems) -> None:
    """The methods of payment stand under `paymentMethods`; a guide calls them `paymentMethod`."""
    data = body.get("invoiceData")
    info = data.get("userPaymentInfo") if isinstance(data, dict) else None
    if not isinstance(data, dict) or info is None:
        return
    given = None
    if isinstance(info, dict):
        given = info.get("paymentMethods", info.get("paymentMethod", []))
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        place = "invoiceData.userPaymentInfo.paymentMethods"
        wrong.add("FMT0093", place, "Invalid user payment info")
        return
    kept = {name: value for name, value in info.items() if name != "paymentMethod"}
    body["invoiceData"] = {**data, "userPaymentInfo": {**kept, "paymentMethods": given}}


def _custom_data(body: Json, wrong: Problems) -> None:
    """Fields of apps are texts."""
    data = body.get("customData")
    apps = data.get("customApps") if isinstance(data, dict) else data
    if not isinstance(apps, list | None):
        wrong.add("FMT0094", "customData.customApps", "Invalid invoice attachment")
        return
    for number, app in enumerate(apps or ()):
        place = f"customData.customApps[{number}]"
        fields = app.get("fields") if isinstance(app, dict) else None
        if not isinstance(fields, dict) or not _text(app.get("id"), 2000):
            wrong.add("FMT0094", place, "Invalid invoice attachment")
            continue
        for name, value in fields.items():
            if not isinstance(value, str):
                wrong.add("FMT0094", f"{place}.fields.{name}", "Invalid invoice attachment")
