"""Orders that a connector puts in the queue: the form that is checked at once, and what it means.

Nothing is looked up here; the order itself is checked when its turn comes.
"""

import re
from collections.abc import Sequence
from typing import Any

from oms_ledger.orders.amounts import cents, count
from oms_ledger.orders.events import Json
from oms_ledger.orders.marketplace.placement_form import LONGEST_ID, PERIOD, PICKUP
from oms_ledger.orders.order_ids import is_path_segment

NEW, APPROVED = "new", "approved"
STATUSES = (NEW, APPROVED)
_ADDRESS_TYPES = ("residential", "commercial", "pickup")
_CORPORATE = ("corporateDocument", "corporatePhone", "corporateName", "tradeName")
_PROFILE = (
    *("email", "firstName", "lastName", "phone", "document", "corporateDocument"),
    *("corporatePhone", "corporateName", "tradeName", "stateInscription"),
)
_ADDRESS_MORE = (*("addressId", "city", "state", "street", "number", "neighborhood", "complement"),)
_ADDRESS = ("addressType", "receiverName", "postalCode", "country", *_ADDRESS_MORE)
_LONGEST = 2000


class _Problems:
    def __init__(self) -> None:
        self.found: list[str] = []

    def require(self, holds: object, place: str, sentence: str) -> None:
        if not holds:
            self.found.append(f"{place}: {sentence}")

    def require_flags(self, part: Json, names: Sequence[str], place: str) -> None:
        for name in names:
            flag = isinstance(part.get(name), bool | None)
            self.require(flag, f"{place}{name}", "expected true or false")

    def require_list(self, value: object, place: str) -> None:
        """Require a list, or nothing at all."""
        self.require(isinstance(value, list | None), place, "expected a list")


def status_of(body: Any) -> str | None:
    """What the body says the order is at the marketplace: new or approved; None for another."""
    given = body.get("marketplaceOrderStatus") if isinstance(body, dict) else None
    status = given.lower() if isinstance(given, str) else None
    return status if status in STATUSES else None


def problems_of_status(body: Any) -> list[str]:
    """What is wrong with the part that every request to the queue has."""
    wrong = _Problems()
    fields = body if isinstance(body, dict) else {}
    wrong.require(isinstance(body, dict), "The body", "expected an object")
    named = _text(fields.get("marketplaceOrderId"), LONGEST_ID)
    wrong.require(named, "marketplaceOrderId", "expected a text of up to 100 characters")
    wrong.require(
        not named or is_path_segment(fields["marketplaceOrderId"]),
        "marketplaceOrderId",
        "expected what a path can name",
    )
    found = repr(fields.get("marketplaceOrderStatus"))[:60]
    wrong.require(
        status_of(body), "marketplaceOrderStatus", f"found {found}, expected new or approved"
    )
    for name in ("connectorName", "connectorEndpoint"):
        value = fields.get(name)
        wrong.require(value is None or _text(value, _LONGEST), name, "expected a text")
    endpoint = fields.get("connectorEndpoint")
    if isinstance(endpoint, str):
        wrong.require("?" not in endpoint, "connectorEndpoint", "expected no query")
    return wrong.found


def problems_of_order(body: Any) -> list[str]:
    """Everything that is wrong with the form of an order."""
    wrong = _Problems()
    wrong.found += problems_of_status(body)
    if not isinstance(body, dict):
        return wrong.found
    wrong.require_flags(body, ("allowFranchises",), "")
    items = _items(body, wrong)
    _values(body, wrong)
    _profile(body.get("clientProfileData"), wrong)
    _shipping(body, len(items), wrong)
    _taxes(body, items, wrong)
    _payment_methods(body, wrong)
    _apps(body, wrong)
    return wrong.found


def _text(value: object, longest: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= longest


def _amount(value: object) -> bool:
    amount = cents(value)
    return amount is not None and amount >= 0


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _items(body: Json, wrong: _Problems) -> list[Json]:
    items = _objects(body.get("items"))
    whole = bool(items) and len(items) == len(body["items"])
    wrong.require(whole, "items", "expected at least one item")
    for number, item in enumerate(items):
        place = f"items[{number}]"
        sku = item.get("id")
        known = isinstance(sku, str | int) and not isinstance(sku, bool) and str(sku).strip()
        wrong.require(known, f"{place}.id", "expected a text")
        wrong.require(_amount(item.get("price")), f"{place}.price", "expected cents")
        units = count(item.get("quantity"))
        wrong.require(units is not None and units > 0, f"{place}.quantity", "expected 1 or more")
    return items


def _values(body: Json, wrong: _Problems) -> None:
    paid, interest = body.get("marketplacePaymentValue"), body.get("marketplaceInterestValue")
    wrong.require(_amount(paid), "marketplacePaymentValue", "expected cents")
    within = interest is None or (
        _amount(interest) and (cents(interest) or 0) <= (cents(paid) or 0)
    )
    wrong.require(within, "marketplaceInterestValue", "expected cents, no more than the payment")
    rate = body.get("priceDivergenceAllowanceRate")
    number = isinstance(rate, int | float) and not isinstance(rate, bool) and 0 <= rate <= 100
    wrong.require(
        rate is None or number, "priceDivergenceAllowanceRate", "expected per cents, 0 to 100"
    )


def _profile(profile: Any, wrong: _Problems) -> None:
    fields = profile if isinstance(profile, dict) else {}
    for name in ("email", "firstName", "lastName"):
        place = f"clientProfileData.{name}"
        wrong.require(_text(fields.get(name), _LONGEST), place, "expected a text")
    for name in _PROFILE[3:]:
        value = fields.get(name)
        place = f"clientProfileData.{name}"
        wrong.require(value is None or isinstance(value, str), place, "expected a text or null")


def _shipping(body: Json, lines: int, wrong: _Problems) -> None:
    shipping = body.get("shippingData")
    fields = shipping if isinstance(shipping, dict) else {}
    infos = _objects(fields.get("logisticsInfo"))
    wrong.require(
        len(infos) == lines,
        "shippingData.logisticsInfo",
        f"found {len(infos)} entries, expected {lines}, one per item",
    )
    wrong.require_flags(fields, ("isFob", "isMarketplaceFulfillment"), "shippingData.")
    fob = fields.get("isFob") is True
    by_marketplace = fields.get("isMarketplaceFulfillment") is True
    wrong.require(
        fob or not by_marketplace,
        "shippingData.isMarketplaceFulfillment",
        "expected only with isFob",
    )
    for number, info in enumerate(infos):
        place = f"shippingData.logisticsInfo[{number}]"
        _delivery(info, place, wrong, fob=fob)
        wrong.require_list(info.get("deliveryIds"), f"{place}.deliveryIds")
        if by_marketplace:
            ids = _objects(info.get("deliveryIds"))
            warehouse = f"{place}.deliveryIds[0].warehouseId"
            wrong.require(ids and ids[0].get("warehouseId"), warehouse, "expected a text")
    picked = any(info.get("selectedDeliveryChannel") == PICKUP for info in infos)
    _address(fields, wrong, picked=picked)
    wrong.require(not (picked and fob), "shippingData.isFob", "expected no pickup")
    franchises = picked and body.get("allowFranchises") is True
    named = body.get("pickupAccountName")
    if named is not None or franchises:
        wrong.require(
            franchises and _text(named, _LONGEST),
            "pickupAccountName",
            "expected a text with allowFranchises and a pickup, and else nothing",
        )
    _hints(fields.get("trackingHints"), wrong)


def _hints(hints: Any, wrong: _Problems) -> None:
    place = "shippingData.trackingHints"
    wrong.require(hints is None or isinstance(hints, list), place, "expected a list")
    for number, hint in enumerate(hints if isinstance(hints, list) else ()):
        fields = hint if isinstance(hint, dict) else {}
        for name in ("trackingId", "courierName"):
            wrong.require(
                _text(fields.get(name), _LONGEST), f"{place}[{number}].{name}", "expected a text"
            )


def _delivery(info: Json, place: str, wrong: _Problems, *, fob: bool) -> None:
    wrong.require(_amount(info.get("price")), f"{place}.price", "expected cents")
    channel = info.get("selectedDeliveryChannel")
    wrong.require(
        channel in ("delivery", PICKUP),
        f"{place}.selectedDeliveryChannel",
        f"expected delivery or {PICKUP}",
    )
    for name in ("lockTTL", "shippingEstimate"):
        period = info.get(name)
        wrong.require(
            period is None or (isinstance(period, str) and PERIOD.fullmatch(period)),
            f"{place}.{name}",
            "expected a period as 5d, 5bd, 3h or 50m",
        )
    if fob or channel == PICKUP:
        wrong.require(
            info.get("selectedSla") is None,
            f"{place}.selectedSla",
            "expected null for a pickup and for what the marketplace delivers",
        )


def _address(shipping: Json, wrong: _Problems, *, picked: bool) -> None:
    place = "shippingData.selectedAddresses"
    addresses = _objects(shipping.get("selectedAddresses"))
    wrong.require(len(addresses) == 1, place, f"found {len(addresses)}, expected exactly one")
    if len(addresses) != 1:
        return
    (address,) = addresses
    kind = str(address.get("addressType")).lower()
    wrong.require(
        kind in _ADDRESS_TYPES,
        f"{place}[0].addressType",
        "expected residential, commercial, pickup",
    )
    for name in ("receiverName", "postalCode"):
        wrong.require(_text(address.get(name), _LONGEST), f"{place}[0].{name}", "expected a text")
    for name in _ADDRESS_MORE:
        value = address.get(name)
        text = value is None or (isinstance(value, str) and len(value) <= _LONGEST)
        wrong.require(text, f"{place}[0].{name}", "expected a text or null")
    country = address.get("country")
    letters = isinstance(country, str) and re.fullmatch("[A-Za-z]{3}", country.strip())
    wrong.require(letters, f"{place}[0].country", "expected three letters, as BRA")
    point = address.get("geoCoordinates")
    sound = point is None or _is_point(point)
    wrong.require(sound, f"{place}[0].geoCoordinates", "expected latitude and longitude")
    if picked:
        wrong.require(kind == "pickup", f"{place}[0].addressType", "expected pickup")
        wrong.require(address.get("addressId"), f"{place}[0].addressId", "expected a pickup point")
        wrong.require(point is not None, f"{place}[0].geoCoordinates", "expected a place")


def _is_point(place: object) -> bool:
    """Whether it is an object with a longitude and a latitude in degrees."""
    return isinstance(place, dict) and all(
        isinstance(place.get(name), int | float)
        and not isinstance(place[name], bool)
        and abs(place[name]) <= most
        for name, most in (("latitude", 90), ("longitude", 180))
    )


def _point(address: Json) -> list[Any]:
    """Longitude and latitude; empty where the address says none."""
    place = address.get("geoCoordinates")
    return [place["longitude"], place["latitude"]] if place is not None else []


def _taxes(body: Json, items: Sequence[Json], wrong: _Problems) -> None:
    wrong.require_list(body.get("taxData"), "taxData")
    skus = {str(item.get("id")) for item in items}
    for number, tax in enumerate(_objects(body.get("taxData"))):
        place = f"taxData[{number}]"
        wrong.require(str(tax.get("skuId")) in skus, f"{place}.skuId", "expected one of the items")
        wrong.require(_amount(tax.get("value")), f"{place}.value", "expected cents")


def _payment_methods(body: Json, wrong: _Problems) -> None:
    data = body.get("invoiceData")
    if data is None:
        return
    info = data.get("userPaymentInfo") if isinstance(data, dict) else None
    given = (
        info.get("paymentMethods", info.get("paymentMethod")) if isinstance(info, dict) else None
    )
    texts = isinstance(given, list) and all(isinstance(one, str) for one in given)
    wrong.require(texts, "invoiceData.userPaymentInfo.paymentMethods", "expected a list of texts")


def _apps(body: Json, wrong: _Problems) -> None:
    data = body.get("customData")
    wrong.require(isinstance(data, dict | None), "customData", "expected an object")
    apps = data.get("customApps") if isinstance(data, dict) else None
    wrong.require_list(apps, "customData.customApps")
    for number, app in enumerate(_objects(apps)):
        place = f"customData.customApps[{number}]"
        fields = app.get("fields")
        wrong.require(_text(app.get("id"), _LONGEST), f"{place}.id", "expected a text")
        texts = isinstance(fields, dict) and all(isinstance(one, str) for one in fields.values())
        wrong.require(texts, f"{place}.fields", "expected an object of texts")


def to_placement(body: Json, endpoint: str) -> Json:
    """The order as a marketplace places it, with the connector's endpoint for notifications."""
    profile = body["clientProfileData"]
    shipping = body["shippingData"]
    paid = cents(body["marketplacePaymentValue"]) or 0
    interest = cents(body.get("marketplaceInterestValue") or 0) or 0
    address = {name: shipping["selectedAddresses"][0].get(name) for name in _ADDRESS}
    address["geoCoordinates"] = _point(shipping["selectedAddresses"][0])
    return {
        "marketplaceOrderId": body["marketplaceOrderId"],
        "marketplaceServicesEndpoint": endpoint,
        "marketplacePaymentValue": paid,
        "marketplacePaymentReferenceValue": paid - interest,
        "isCreatedAsync": True,
        "allowFranchises": body.get("allowFranchises") is True,
        "pickupAccountName": body.get("pickupAccountName"),
        "priceDivergenceAllowanceRate": body.get("priceDivergenceAllowanceRate"),
        "items": _placed_items(body),
        "clientProfileData": {
            **{name: profile.get(name) for name in _PROFILE},
            "isCorporate": any(profile.get(name) for name in _CORPORATE),
        },
        "shippingData": {
            "isFob": shipping.get("isFob") is True,
            "isMarketplaceFulfillment": shipping.get("isMarketplaceFulfillment") is True,
            "trackingHints": shipping.get("trackingHints") or [],
            "selectedAddresses": [address],
            "logisticsInfo": [
                {**info, "itemIndex": index} for index, info in enumerate(shipping["logisticsInfo"])
            ],
        },
        "invoiceData": body.get("invoiceData"),
        "customData": body.get("customData"),
        "openTextField": body.get("openTextField"),
    }


def _placed_items(body: Json) -> list[Json]:
    """The items; the tax of a SKU is shared among its lines by what they cost."""
    items = body["items"]
    taxes: dict[int, int] = {}
    for tax in _objects(body.get("taxData")):
        lines = [n for n, item in enumerate(items) if str(item["id"]) == str(tax["skuId"])]
        worth = [
            (cents(items[n]["price"]) or 0) * (count(items[n]["quantity"]) or 0) for n in lines
        ]
        for line, share in zip(lines, _shares(cents(tax["value"]) or 0, worth), strict=True):
            taxes[line] = taxes.get(line, 0) + share
    return [
        {
            "id": str(item["id"]),
            "quantity": item["quantity"],
            "seller": "1",
            "price": cents(item["price"]),
            "priceTags": [_tax_tag(taxes[index])] if taxes.get(index) else [],
        }
        for index, item in enumerate(items)
    ]


def _tax_tag(value: int) -> Json:
    name = "tax@price-order"
    return {"name": name, "value": value, "rawValue": value / 100, "isPercentual": False}


def _shares(value: int, weights: Sequence[int]) -> list[int]:
    """Split cents by weight, the largest remainders rounded up."""
    whole = sum(weights)
    if not whole:
        return [value, *[0] * (len(weights) - 1)]
    shares = [value * one // whole for one in weights]
    left = sorted(range(len(weights)), key=lambda n: (-(value * weights[n] % whole), n))
    for n in left[: value - sum(shares)]:
        shares[n] += 1
    return shares
