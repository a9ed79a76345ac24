"""From a purchase to one order per seller (contract 05 §§4, 7). Money is integer cents.

What documents look into is checked for its shape here, so that every order that was placed can
be shown. Whatever else was sent is kept as it came, except the secrets of a card.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.orders.conversation.messages import OWN, own_templates
from oms_ledger.orders.events import Item, Json, OrderPlaced, Payment, PriceTag
from oms_ledger.orders.parts import BESIDES
from oms_ledger.orders.payments.allocation import split
from oms_ledger.orders.payments.systems import GIFT_CARD, name_and_group
from oms_ledger.orders.placement.numbers import order_id
from oms_ledger.orders.refusals import InvalidPlacement
from oms_ledger.orders.totals import order_totals

LEVELS = 3  # of a sale: the account that sells, one between, the one that delivers
_ITEM = {"id", "quantity", "seller", "price", "unitMultiplier", "priceTags", "tax", "uniqueId"}
_PLACEMENT = {
    "items",
    "clientProfileData",
    "shippingData",
    "paymentData",
    "marketingData",
    "openTextField",
    "invoiceData",
    "customData",
    "clientPreferencesData",
    "storePreferencesData",
    "orderFormId",
}
# What the ledger says of an order by itself: a placement has no say in it.
_OF_THE_LEDGER = {
    OWN,
    "cancellationData",
    "cancellationRequests",
    "packageAttachment",
    "receiptData",
    "sellers",
    "status",
    "state",
}
# Of the client profile.
_TEXTS = {"firstName", "lastName", "documentType", "document", "phone"} | {
    "corporateName",
    "tradeName",
    "corporateDocument",
    "stateInscription",
    "corporatePhone",
}
_SECRETS = {"cardnumber", "validationcode", "securitycode", "cvv", "cvc"}
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
_DIGITS = re.compile(r"[0-9]{1,15}")
_SALES_CHANNEL = re.compile(r"[0-9]{1,9}")
_LONGEST_TEXT = 2000
_LARGEST = 2**53 - 1  # integers that every JSON client can read
_LONGEST_MULTIPLIER = 12  # digits: what leaves every product exact


def refuse(code: str, message: str) -> InvalidPlacement:
    return InvalidPlacement(code, message)


def number_of_orders(body: Json) -> int:
    """How many sellers, and so orders, the purchase has."""
    return len(_by_seller(_items(body)))


def sellers_named(body: Json) -> list[list[str]]:
    """The sellers that the lines name, each followed by the levels below it, nearest first."""
    named: list[list[str]] = []
    for index, raw in enumerate(_items(body)):
        chain = raw.get("sellerChain")
        levels = [str(one) for one in chain] if isinstance(chain, list) else []
        if not levels or levels[0] != raw["seller"]:
            levels = [raw["seller"]]
        if len(levels) > LEVELS - 1:
            raise refuse(
                "CHK0024",
                f"Invalid seller for item: items[{index}].sellerChain has more than"
                f" {LEVELS} levels with the account that sells",
            )
        if levels not in named:
            named.append(levels)
    return named


def place(
    body: Json,
    *,
    order_group: str,
    sequences: Sequence[int],
    transaction_id: str,
    new_id: Callable[[], str],
    account: Account,
    sales_channel: str = "1",
    trusted: bool = True,
) -> list[tuple[str, OrderPlaced]]:
    """The orders of a purchase with their ids; refuses with the codes of contract 05 §4.

    Prices of one who is not `trusted` are not taken, whatever the account's setting.
    """
    if not _SALES_CHANNEL.fullmatch(sales_channel):
        raise refuse("CHK0010", f"There isn't any sales channel available: no {sales_channel!r}")
    body = _without_secrets(body)
    raw_items = _items(body)
    if not trusted or not account.setting("trust_request_prices"):
        raise refuse("CHK0022", "Invalid id for item: items[0].id has no price on offer")
    items, logistics, told = read_lines(body, account, new_id)
    payments, gift_cards = _payments(_object(body, "paymentData", "ORD020"), new_id)
    sellers = _by_seller(raw_items)
    values = [
        sum(t.value for t in order_totals([items[i] for i in lines], [logistics[i] for i in lines]))
        for lines in sellers.values()
    ]
    _add_up(values, payments, gift_cards)
    paying = len(payments)
    payments += [_gift_card(card, new_id) for card in gift_cards]
    shares = split(payments, values)
    orders = []
    for number, (seller, lines) in enumerate(sellers.items()):
        own = seller in ("1", account.name)
        own_items = tuple(items[line] for line in lines)
        own_logistics = tuple(
            {**logistics[line], "itemIndex": index} for index, line in enumerate(lines)
        )
        own_payments = shares[number]
        own_gift_cards = tuple(
            {**card, "value": share.value}
            for card, share in zip(gift_cards, own_payments[paying:], strict=True)
        )
        the_id = order_id(order_group, number + 1)
        placed = OrderPlaced(
            flow="complete" if own else "marketplace",
            order_group=order_group,
            sequence=sequences[number],
            seller=seller,
            seller_name=(account.setting("seller_name") or account.name) if own else seller,
            items=own_items,
            totals=order_totals(own_items, own_logistics),
            logistics=own_logistics,
            payments=own_payments,
            gift_cards=own_gift_cards,
            transaction_id=transaction_id,
            merchant_name=account.name.upper(),
            sales_channel=sales_channel,
            seller_order_id=the_id if own else None,
            **told,
        )
        orders.append((the_id, placed))
    return orders


def _without_secrets(value: Any) -> Any:
    """The same without card numbers and security codes, wherever they were written."""
    if isinstance(value, dict):
        return {k: _without_secrets(v) for k, v in value.items() if k.lower() not in _SECRETS}
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    return value


def read_lines(
    body: Json, account: Account, new_id: Callable[[], str]
) -> tuple[list[Item], list[Json], dict[str, Any]]:
    """The lines of a body, their deliveries, and what else its orders are told alike."""
    body = _without_secrets(body)
    items = [_item(raw, index, new_id) for index, raw in enumerate(_items(body))]
    return items, _logistics(body, len(items)), _told(body, account)


def _told(body: Json, account: Account) -> dict[str, Any]:
    """What every order of the purchase is told alike."""
    for name in ("giftRegistryData", "callCenterOperatorData"):
        _maybe_object(body, name)
    order_form_id = body.get("orderFormId")
    if order_form_id is not None and not isinstance(order_form_id, str):
        raise refuse("OMS004", f"orderFormId: found {order_form_id!r}, expected a text")
    profile = _profile(body)
    invoice_data = _maybe_object(body, "invoiceData") or {}
    _maybe_object(invoice_data, "billing")
    return {
        "order_form_id": order_form_id,
        "marketing": _maybe_object(body, "marketingData"),
        "preferences": _maybe_object(body, "clientPreferencesData"),
        "store_preferences": _maybe_object(body, "storePreferencesData")
        or {
            "countryCode": account.setting("country"),
            "currencyCode": account.setting("currency"),
            "timeZone": account.setting("time_zone"),
        },
        "details": {
            **{k: v for k, v in body.items() if k not in _PLACEMENT | _OF_THE_LEDGER},
            **own_templates(account),
        },
        "client_profile": {k: v for k, v in profile.items() if k != BESIDES},
        "address": _kept_addresses(body["shippingData"]),
        "invoice_data": invoice_data,
        "custom_data": _maybe_object(body, "customData") or {},
        "open_text": _open_text(body.get("openTextField")),
    }


def _open_text(given: Any) -> str | None:
    text = given.get("value") if isinstance(given, dict) else given
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise refuse("OMS004", "openTextField: expected a text")
    if len(text) > _LONGEST_TEXT:
        message = "The Order Form Text field has exceeded the character limit"
        raise refuse("CHK0017", f"{message}: openTextField has {len(text)} of {_LONGEST_TEXT}")
    return text


def _add_up(values: list[int], payments: list[Payment], gift_cards: list[Json]) -> None:
    """Interest stands on both sides, so it is reference values that have to make up the orders."""
    if min(values) < 0:
        raise refuse("ORD004", "The cart total is negative: the price tags exceed what they lower")
    if sum(values) > _LARGEST:
        raise refuse("CHK0025", "Invalid price for item: the total of items is too large")
    interest = sum(p.value - p.reference_value for p in payments)
    paid = sum(p.value for p in payments) + sum(card["value"] for card in gift_cards)
    if paid != sum(values) + interest:
        raise refuse(
            "ORD009",
            "Payment value is different from order value: paymentData.payments (and giftCards)"
            f" add up to {paid}; items, shipping, taxes and interest to {sum(values) + interest}",
        )


def _gift_card(card: Json, new_id: Callable[[], str]) -> Payment:
    """A gift card pays like any other payment (contract 05 §5)."""
    name, group = name_and_group(GIFT_CARD)
    told = ("id", "giftCardId"), ("redemptionCode", "redemptionCode"), ("provider", "provider")
    names = ("name", "giftCardName"), ("caption", "giftCardCaption")
    kept = {ours: card[theirs] for theirs, ours in (*told, *names) if card.get(theirs)}
    return Payment(new_id(), GIFT_CARD, name, group, card["value"], card["value"], details=kept)


def _object(body: Json, name: str, code: str) -> Json:
    part = body.get(name)
    if not isinstance(part, dict):
        raise refuse(code, f"{name} is required and must be an object")
    return part


def _maybe_object(body: Json, name: str) -> Json | None:
    part = body.get(name)
    if part is not None and not isinstance(part, dict):
        raise refuse("OMS004", f"{name}: expected an object or null")
    return part


def _objects(part: Json, name: str, place: str, code: str) -> list[Json]:
    """A list of objects; empty when there is none."""
    given = part.get(name)
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise refuse(code, f"{place}{name}: expected a list of objects")
    return given


def _items(body: Json) -> list[Json]:
    items = body.get("items")
    if not isinstance(items, list) or not items:
        raise refuse("ORD005", "items is required: an order needs at least one item")
    for index, raw in enumerate(items):
        if not isinstance(raw, dict):
            raise refuse("CHK0022", f"Invalid id for item: items[{index}] must be an object")
        if not isinstance(raw.get("seller"), str) or not raw["seller"]:
            raise refuse("CHK0024", f"Invalid seller for item: items[{index}].seller")
    return items


def _by_seller(items: Sequence[Json]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for index, raw in enumerate(items):
        groups.setdefault(raw["seller"], []).append(index)
    return groups


def integer(value: object, code: str, place: str, lowest: int, *, text: bool = False) -> int:
    """An integer within what JSON clients can read; as digits too where clients send them so."""
    number = value
    if text and isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int) or not lowest <= number <= _LARGEST:
        raise refuse(code, f"{place}: found {value!r}, expected an integer of at least {lowest}")
    return number


def _item(raw: Json, index: int, new_id: Callable[[], str]) -> Item:
    place = f"items[{index}]"
    sku = raw.get("id")
    if isinstance(sku, bool) or not isinstance(sku, str | int) or sku == "":
        raise refuse("CHK0022", f"Invalid id for item: {place}.id")
    quantity = integer(raw.get("quantity"), "CHK0023", f"{place}.quantity", 1, text=True)
    price = integer(raw.get("price"), "CHK0025", f"{place}.price", 0)
    multiplier = _multiplier(raw.get("unitMultiplier"), f"{place}.unitMultiplier")
    if price * quantity > _LARGEST or price * quantity * multiplier > _LARGEST:
        raise refuse("CHK0025", f"{place}: price times quantity is too large")
    return Item(
        unique_id=new_id(),
        id=str(sku),
        seller=raw["seller"],
        quantity=quantity,
        price=price,
        unit_multiplier=multiplier,
        price_tags=tuple(
            _price_tag(tag, f"{place}.priceTags[{i}]")
            for i, tag in enumerate(_objects(raw, "priceTags", f"{place}.", "CHK0025"))
        ),
        tax=integer(raw.get("tax") or 0, "CHK0025", f"{place}.tax", 0),
        details={k: v for k, v in raw.items() if k not in _ITEM},
    )


def _multiplier(given: object, place: str) -> Decimal:
    """Exact; missing or 0, as some clients send what they do not set, is 1."""
    try:
        multiplier = Decimal(str(given or 1))
    except InvalidOperation:
        multiplier = Decimal(0)
    if (
        not multiplier.is_finite()
        or not Decimal("1e-9") <= multiplier <= _LARGEST
        or len(multiplier.normalize().as_tuple().digits) > _LONGEST_MULTIPLIER
    ):
        raise refuse(
            "CHK0023",
            f"{place}: found {given!r}, expected a number above 0"
            f" of no more than {_LONGEST_MULTIPLIER} digits",
        )
    return multiplier


def _price_tag(tag: Json, place: str) -> PriceTag:
    value, raw = tag.get("value"), tag.get("rawValue")
    if value is None and isinstance(raw, int | float) and not isinstance(raw, bool):
        value = int((Decimal(str(raw)) * 100).to_integral_value())
    identifier = tag.get("identifier")
    return PriceTag(
        name=str(tag.get("name") or ""),
        value=integer(value, "CHK0025", f"{place}.value", -_LARGEST),
        identifier=None if identifier is None else str(identifier),
        is_percentual=tag.get("isPercentual") is True,
    )


def _logistics(body: Json, lines: int) -> list[Json]:
    """The delivery of each line, in the order of the lines."""
    shipping = _object(body, "shippingData", "ORD045")
    if shipping.get("updateStatus") == "outdated":
        raise refuse("ORD022", "shippingData.updateStatus is outdated: ask for the delivery again")
    infos = _objects(shipping, "logisticsInfo", "shippingData.", "ORD006")
    addresses = _addresses(shipping)
    found: dict[int, Json] = {}
    for number, info in enumerate(infos):
        place = f"shippingData.logisticsInfo[{number}]"
        index = info.get("itemIndex")
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < lines:
            raise refuse("CHK0041", f"Invalid item index: {place}.itemIndex")
        found[index] = _delivery(info, addresses, place)
    missing = [index for index in range(lines) if index not in found]
    if missing:
        raise refuse("ORD006", f"shippingData.logisticsInfo has no line for items[{missing[0]}]")
    return [found[index] for index in range(lines)]


def _delivery(info: Json, addresses: list[Json], place: str) -> Json:
    channel = info.get("selectedDeliveryChannel") or "delivery"
    slas = _objects(info, "slas", f"{place}.", "ORD006")
    if channel == "pickup-in-point":
        if not _pickup_point([info, *slas], addresses):
            raise refuse("ORD048", f"Invalid address for pickup: {place} names no pickup point")
    elif not addresses:
        raise refuse("ORD006", f"shippingData.address is required for {place}")
    estimate = info.get("shippingEstimateDate")
    if estimate is not None and not isinstance(estimate, str):
        raise refuse("ORD006", f"{place}.shippingEstimateDate: expected a text")
    price = integer(info.get("price") or 0, "ORD006", f"{place}.price", 0)
    prices = {
        name: integer(
            price if info.get(name) is None else info[name], "ORD006", f"{place}.{name}", 0
        )
        for name in ("sellingPrice", "listPrice")
    }
    return {**info, "price": price, **prices, "selectedDeliveryChannel": channel}


def _pickup_point(deliveries: list[Json], addresses: list[Json]) -> bool:
    """Whether the store is named: by the line, by an SLA of it, or by an address of one."""
    named = ("pickupPointId", "pickupStoreInfo", "addressId")
    if any(one.get(name) for one in deliveries for name in named):
        return True
    return any(str(a.get("addressType")).lower() == "pickup" for a in addresses)


def _addresses(shipping: Json) -> list[Json]:
    """Where to: the address, or those that were selected."""
    address = _maybe_object(shipping, "address")
    selected = _objects(shipping, "selectedAddresses", "shippingData.", "ORD006")
    return [one for one in (address, *selected) if one]


def _kept_addresses(shipping: Json) -> Json:
    addresses = _addresses(shipping)
    kept: Json = dict(addresses[0]) if addresses else {}
    for name in ("selectedAddresses", "availableAddresses"):
        if given := _objects(shipping, name, "shippingData.", "ORD006"):
            kept[name] = given
    if contact := _maybe_object(shipping, "contactInformation"):
        kept["contactInformation"] = contact
    return kept


def _profile(body: Json) -> Json:
    profile = _object(body, "clientProfileData", "ORD007")
    email = profile.get("email")
    if not isinstance(email, str) or len(email) > 254 or not _EMAIL.fullmatch(email):
        raise refuse("ORD007", f"clientProfileData.email: found {email!r}, expected an e-mail")
    return {**profile, **{name: _profile_text(profile, name) for name in _TEXTS & profile.keys()}}


def _profile_text(profile: Json, name: str) -> str | None:
    """As text; some clients send documents and telephones as numbers."""
    given = profile[name]
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    if given is None or isinstance(given, str):
        return given
    raise refuse("ORD007", f"clientProfileData.{name}: found {given!r}, expected a text")


def _payments(data: Json, new_id: Callable[[], str]) -> tuple[list[Payment], list[Json]]:
    if data.get("updateStatus") == "outdated":
        raise refuse("ORD054", "paymentData.updateStatus is outdated: send the payments again")
    given = _objects(data, "payments", "paymentData.", "ORD020")
    gift_cards = [
        {
            **card,
            "value": integer(card.get("value"), "ORD020", f"paymentData.giftCards[{n}].value", 0),
        }
        for n, card in enumerate(_objects(data, "giftCards", "paymentData.", "ORD020"))
        if card.get("inUse", True) is not False
    ]
    if not given and not gift_cards:
        raise refuse("ORD020", "paymentData.payments is required: an order needs a payment")
    payments = [_payment(raw, f"paymentData.payments[{n}]", new_id) for n, raw in enumerate(given)]
    return payments, gift_cards


def _payment(raw: Json, place: str, new_id: Callable[[], str]) -> Payment:
    system = raw.get("paymentSystem")
    if isinstance(system, bool) or not isinstance(system, str | int) or not str(system).strip():
        raise refuse("ORD020", f"{place}.paymentSystem: found {system!r}, expected an id")
    value = integer(raw.get("value"), "ORD020", f"{place}.value", 0)
    reference = value if raw.get("referenceValue") is None else raw["referenceValue"]
    reference = integer(reference, "ORD020", f"{place}.referenceValue", 0)
    if value < reference:
        raise refuse(
            "CHK0016",
            f"Payment value does not match with reference value: {place} has"
            f" {value} of {reference}",
        )
    installments = raw.get("installments", 1)
    name, group = name_and_group(str(system).strip())
    return Payment(
        id=new_id(),
        payment_system=str(system).strip(),
        payment_system_name=str(raw.get("paymentSystemName") or name),
        group=str(raw.get("group") or group),
        value=value,
        reference_value=reference,
        installments=integer(installments, "ORD042", f"{place}.installments", 1, text=True),
        details=_kept(raw),
    )


def _kept(raw: Json) -> Json:
    """A saved card is kept by its ids; of a number in `bin`, what a bin may show."""
    kept = {k: raw[k] for k in ("accountId", "tokenId") if isinstance(raw.get(k), str) and raw[k]}
    digits = "".join(c for c in str(raw.get("bin") or "") if c in "0123456789")
    return {**kept, "bin": digits[:8]} if digits else kept
