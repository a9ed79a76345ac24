"""From a purchase to one order per seller (contract 05 §§4, 7). Money is integer cents.

What documents look into is checked for its shape here, so that every order that was placed can
be shown. Whatever else was sent is kept as it came, except the secrets of a card.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.orders.amounts import LARGEST, cents, count
from oms_ledger.orders.conversation.messages import OWN, own_templates
from oms_ledger.orders.events import Item, Json, OrderPlaced, Payment
from oms_ledger.orders.parts import BESIDES
from oms_ledger.orders.payments.allocation import split
from oms_ledger.orders.payments.systems import GIFT_CARD, NO_PAYMENT, name_and_group
from oms_ledger.orders.placement.numbers import order_id
from oms_ledger.orders.placement.person import read_addresses, read_profile, sent_addresses
from oms_ledger.orders.placement.reading import (
    integer,
    money,
    objects,
    optional_object,
    raw_items,
    read_item,
    refuse,
    required_object,
)
from oms_ledger.orders.totals import charged, freight_tax, order_totals

LEVELS = 3  # of a sale: the account that sells, one between, the one that delivers
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
    "approvedBy",
    "authorizationPolicyData",
    "canceledBy",
    "cancelledBy",
    "changesAttachment",
    "totals",
    "workflowData",
    "cancellationData",
    "cancellationRequests",
    "packageAttachment",
    "receiptData",
    "sellers",
    "status",
    "state",
}
_NESTED = (dict, list)
_SECRETS = {"cardnumber", "validationcode", "securitycode", "cvv", "cvc"}
_SALES_CHANNEL = re.compile(r"[0-9]{1,9}")
_LONGEST_TEXT = 2000
_MOST_TAGS = 50
_LONGEST_ASSOCIATE = 100


def number_of_orders(body: Json) -> int:
    """How many sellers, and so orders, the purchase has."""
    return len(_by_seller(raw_items(body)))


def sellers_named(body: Json, sold_before: int = 0) -> list[list[str]]:
    """The sellers that the lines name, each followed by the levels below it, nearest first.

    Refuses more than `LEVELS`, with the account and the `sold_before` levels that sold to it.
    """
    named: list[list[str]] = []
    for index, raw in enumerate(raw_items(body)):
        chain = raw.get("sellerChain")
        levels = [str(one) for one in chain] if isinstance(chain, list) else []
        if not levels or levels[0] != raw["seller"]:
            levels = [raw["seller"]]
        if len(levels) > LEVELS - 1 - sold_before:
            raise refuse(
                "CHK0024",
                f"Invalid seller for item: items[{index}].sellerChain has more than"
                f" {LEVELS} levels with those that sell",
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
    offered: bool = False,
) -> list[tuple[str, OrderPlaced]]:
    """The orders of a purchase with their ids; refuses with the codes of contract 05 §4.

    Prices of one who is not `trusted` are not taken, whatever the account's setting. Those that
    are `offered` are the account's own, whoever places.
    """
    if not _SALES_CHANNEL.fullmatch(sales_channel):
        raise refuse("CHK0010", f"There isn't any sales channel available: no {sales_channel!r}")
    body = _without_secrets(body)
    given = raw_items(body)
    if not offered and not (trusted and account.setting("trust_request_prices")):
        raise refuse("CHK0022", "Invalid id for item: items[0].id has no price on offer")
    items, logistics, fields = _lines(body, account, new_id)
    payments, gift_cards = _payments(body, new_id)
    sellers = _by_seller(given)
    values = [
        sum(t.value for t in order_totals([items[i] for i in lines], [logistics[i] for i in lines]))
        for lines in sellers.values()
    ]
    _add_up(values, payments, gift_cards)
    if not sum(values):  # nothing to pay, and nobody to ask for it
        payments, gift_cards, transaction_id = [], [], NO_PAYMENT
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
            seller_order_id=f"00-{the_id}" if own else None,
            **fields,
        )
        orders.append((the_id, placed))
    return orders


def _without_secrets(value: Any) -> Any:
    """The same without card numbers and security codes, wherever they were written."""
    if isinstance(value, dict):
        return {
            k: _without_secrets(v) if isinstance(v, _NESTED) else v
            for k, v in value.items()
            if k.lower() not in _SECRETS
        }
    if isinstance(value, list):
        return [_without_secrets(one) if isinstance(one, _NESTED) else one for one in value]
    return value


def read_lines(
    body: Json, account: Account, new_id: Callable[[], str]
) -> tuple[list[Item], list[Json], dict[str, Any]]:
    """The lines of a body, their deliveries, and what else its orders get alike."""
    return _lines(_without_secrets(body), account, new_id)


def _lines(
    body: Json, account: Account, new_id: Callable[[], str]
) -> tuple[list[Item], list[Json], dict[str, Any]]:
    freights = _list_freights(body)
    lines = [
        read_item(raw, index, new_id, freights.get(index, 0))
        for index, raw in enumerate(raw_items(body))
    ]
    deliveries = _logistics(body, len(lines))
    return lines, deliveries, _serialized(body, account, new_id)


def _list_freights(body: Json) -> dict[int, int]:
    """What each line's delivery costs before freight tags, as far as the body says."""
    shipping = body.get("shippingData")
    infos = shipping.get("logisticsInfo") if isinstance(shipping, dict) else None
    fields: dict[int, int] = {}
    for info in infos if isinstance(infos, list) else ():
        index = count(info.get("itemIndex"), text=True) if isinstance(info, dict) else None
        if index is not None:
            named = (info.get(name) for name in ("listPrice", "price"))
            fields[index] = next((price for price in map(cents, named) if price is not None), 0)
    return fields


def _serialized(body: Json, account: Account, new_id: Callable[[], str]) -> dict[str, Any]:
    """What every order of the purchase gets alike."""
    for name in ("giftRegistryData", "callCenterOperatorData"):
        optional_object(body, name)
    order_form_id = body.get("orderFormId")
    if order_form_id is not None and not isinstance(order_form_id, str):
        raise refuse("OMS004", f"orderFormId: found {order_form_id!r}, expected a text")
    profile = read_profile(body)
    _require_short_associate(body)
    invoice_data = optional_object(body, "invoiceData") or {}
    optional_object(invoice_data, "billing")
    return {
        "order_form_id": order_form_id,
        "marketing": _marketing(body),
        "preferences": optional_object(body, "clientPreferencesData"),
        "store_preferences": optional_object(body, "storePreferencesData")
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
        "address": read_addresses(body["shippingData"], new_id),
        "invoice_data": invoice_data,
        "custom_data": _custom_data(body),
        "open_text": _open_text(body.get("openTextField")),
    }


def _custom_data(body: Json) -> Json:
    """As it was sent; the whole order is called `order`, which a page calls `cart` in one place."""
    given = optional_object(body, "customData") or {}
    fields = given.get("customFields")
    if not isinstance(fields, list):
        return given
    return {**given, "customFields": [_of_order(one) for one in fields]}


def _of_order(fields: Any) -> Any:
    linked = fields.get("linkedEntity") if isinstance(fields, dict) else None
    if not isinstance(linked, dict) or linked.get("type") != "cart":
        return fields
    return {**fields, "linkedEntity": {**linked, "type": "order"}}


def _marketing(body: Json) -> Json | None:
    marketing = optional_object(body, "marketingData")
    tags = marketing.get("marketingTags") if marketing else None
    if isinstance(tags, list) and len(tags) > _MOST_TAGS:
        message = "The marketingTags field in the marketing attachment is invalid"
        raise refuse(
            "CHK0038", f"{message}: found {len(tags)}, no more than {_MOST_TAGS} are taken"
        )
    return marketing


def _require_short_associate(body: Json) -> None:
    """A sales associate's id, as `salesAssociateData` or within the merchant's context."""
    context = body.get("merchantContextData")
    for fields in (body, context if isinstance(context, dict) else {}):
        data = fields.get("salesAssociateData")
        associate = data.get("salesAssociateId") if isinstance(data, dict) else None
        if associate is not None and len(str(associate)) > _LONGEST_ASSOCIATE:
            message = "Field salesAssociateId has exceeded limit of characters"
            raise refuse("CHK0099", f"{message}: {_LONGEST_ASSOCIATE}")


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
    if sum(values) > 0 and not payments and not gift_cards:
        raise refuse("ORD020", "paymentData.payments is required: an order needs a payment")
    if min(values) < 0:
        raise refuse("ORD004", "The cart total is negative: the price tags exceed what they lower")
    if sum(values) > LARGEST:
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
    fields = ("id", "giftCardId"), ("redemptionCode", "redemptionCode"), ("provider", "provider")
    names = ("name", "giftCardName"), ("caption", "giftCardCaption")
    kept = {ours: card[theirs] for theirs, ours in (*fields, *names) if card.get(theirs)}
    return Payment(new_id(), GIFT_CARD, name, group, card["value"], card["value"], details=kept)


def _by_seller(items: Sequence[Json]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for index, raw in enumerate(items):
        groups.setdefault(raw["seller"], []).append(index)
    return groups


def _logistics(body: Json, lines: int) -> list[Json]:
    """The delivery of each line, in the order of the lines."""
    shipping = required_object(body, "shippingData", "ORD045")
    if shipping.get("updateStatus") == "outdated":
        raise refuse("ORD022", "shippingData.updateStatus is outdated: ask for the delivery again")
    infos = objects(shipping, "logisticsInfo", "shippingData.", "ORD006")
    addresses = sent_addresses(shipping)
    found: dict[int, Json] = {}
    # The deliveries of an order's document may name ids of an address book.
    strict = "orderId" not in body
    for number, info in enumerate(infos):
        place = f"shippingData.logisticsInfo[{number}]"
        index = count(info.get("itemIndex"), text=True)
        if index is None or not 0 <= index < lines:
            raise refuse("CHK0041", f"Invalid item index: {place}.itemIndex")
        if index in found:
            raise refuse("CHK0108", f"Duplicated item index: {place}.itemIndex is {index} again")
        found[index] = _delivery(info, addresses, place, strict=strict)
    missing = [index for index in range(lines) if index not in found]
    if missing:
        raise refuse("ORD006", f"shippingData.logisticsInfo has no line for items[{missing[0]}]")
    return [found[index] for index in range(lines)]


def _delivery(info: Json, addresses: list[Json], place: str, *, strict: bool) -> Json:
    channel = info.get("selectedDeliveryChannel") or "delivery"
    slas = objects(info, "slas", f"{place}.", "ORD006")
    if channel == "pickup-in-point":
        if not _pickup_point([info, *slas], addresses):
            raise refuse("ORD048", f"Invalid address for pickup: {place} names no pickup point")
    elif not addresses:
        raise refuse("ORD006", f"shippingData.address is required for {place}")
    elif (named := info.get("addressId")) and strict and not _names(named, addresses):
        raise refuse("ORD044", f"Invalid address for item: {place}.addressId names none of them")
    estimate = info.get("shippingEstimateDate")
    if estimate is not None and not isinstance(estimate, str):
        raise refuse("ORD006", f"{place}.shippingEstimateDate: expected a text")
    sent = info.get("sellingPrice") if info.get("price") is None else info["price"]
    price = money(sent or 0, "ORD006", f"{place}.price", text=True)
    gross = info.get("listPrice")
    listed = price if gross is None else money(gross, "ORD006", f"{place}.listPrice", text=True)
    fields = {
        **charged(info, price),
        "listPrice": listed,
        "selectedDeliveryChannel": channel,
    }
    tax = money(info.get("tax") or freight_tax(info), "ORD006", f"{place}.tax")
    return {**fields, "tax": tax} if tax else fields


def _names(address_id: object, addresses: list[Json]) -> bool:
    """Whether it is the id of an address; of one without an id it may be any."""
    ids = [one.get("addressId") for one in addresses]
    return any(not one or str(one) == str(address_id) for one in ids)


def _pickup_point(deliveries: list[Json], addresses: list[Json]) -> bool:
    """Whether the store is named: by the line, by an SLA of it, or by an address of one."""
    named = ("pickupPointId", "pickupStoreInfo", "addressId")
    if any(one.get(name) for one in deliveries for name in named):
        return True
    return any(str(a.get("addressType")).lower() == "pickup" for a in addresses)


def _payments(body: Json, new_id: Callable[[], str]) -> tuple[list[Payment], list[Json]]:
    fields = body.get("paymentData") is not None
    data = required_object(body, "paymentData", "ORD020") if fields else {}
    if data.get("updateStatus") == "outdated":
        raise refuse("ORD054", "paymentData.updateStatus is outdated: send the payments again")
    given = objects(data, "payments", "paymentData.", "ORD020")
    gift_cards = [
        {
            **card,
            "value": money(card.get("value"), "ORD020", f"paymentData.giftCards[{n}].value"),
        }
        for n, card in enumerate(objects(data, "giftCards", "paymentData.", "ORD020"))
        if card.get("inUse", True) is not False
    ]
    payments = [_payment(raw, f"paymentData.payments[{n}]", new_id) for n, raw in enumerate(given)]
    return payments, gift_cards


def _payment(raw: Json, place: str, new_id: Callable[[], str]) -> Payment:
    system = raw.get("paymentSystem")
    if isinstance(system, bool) or not isinstance(system, str | int) or not str(system).strip():
        raise refuse("ORD020", f"{place}.paymentSystem: found {system!r}, expected an id")
    value = money(raw.get("value"), "ORD020", f"{place}.value", text=True)
    reference = value if raw.get("referenceValue") is None else raw["referenceValue"]
    reference = money(reference, "ORD020", f"{place}.referenceValue", text=True)
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
