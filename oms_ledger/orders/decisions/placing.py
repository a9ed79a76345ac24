"""From a purchase to one order per seller (contract 05 §§4, 7). Money is integer cents."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from oms_ledger.orders.account import Account
from oms_ledger.orders.events import Item, Json, OrderPlaced, Payment, PriceTag
from oms_ledger.orders.numbers import order_id
from oms_ledger.orders.payment_systems import (
    DENIED_LAST_DIGITS,
    PENDING_GROUPS,
    name_and_group,
)
from oms_ledger.orders.refusals import InvalidPlacement
from oms_ledger.orders.totals import divide, order_totals

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
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LONGEST_TEXT = 2000


def refuse(code: str, message: str) -> InvalidPlacement:
    return InvalidPlacement(code, message)


def number_of_orders(body: Json) -> int:
    """How many sellers, and so orders, the purchase has."""
    return len(_by_seller(_items(body)))


def place(
    body: Json,
    *,
    order_group: str,
    sequences: Sequence[int],
    transaction_id: str,
    new_id: Callable[[], str],
    account: Account,
    sales_channel: str = "1",
) -> list[tuple[str, OrderPlaced]]:
    """The orders of a purchase with their ids; refuses with the codes of contract 05 §4."""
    raw_items = _items(body)
    items = [_item(raw, index, new_id) for index, raw in enumerate(raw_items)]
    logistics = _logistics(body, len(items))
    profile = _profile(body)
    payment_data = _object(body, "paymentData", "ORD020")
    payments, gift_cards = _payments(payment_data, new_id)
    if "outdated" in (payment_data.get("updateStatus"),):
        raise refuse("ORD054", "paymentData.updateStatus is outdated: send the payments again")
    text = body.get("openTextField")
    text = text.get("value") if isinstance(text, dict) else text
    if text is not None and (not isinstance(text, str) or len(text) > _LONGEST_TEXT):
        raise refuse("CHK0017", "The Order Form Text field has exceeded the character limit")
    groups = list(_by_seller(raw_items).items())
    values = []
    for _, lines in groups:
        totals = order_totals([items[i] for i in lines], [logistics[i] for i in lines])
        values.append(sum(total.value for total in totals))
    if min(values) < 0:
        raise refuse("ORD004", "The total of the order is below zero")
    paid = sum(p.reference_value for p in payments) + sum(int(g["value"]) for g in gift_cards)
    if paid != sum(values):
        raise refuse(
            "ORD009",
            f"Payments do not add up: paymentData.payments has {paid},"
            f" the items with shipping and taxes have {sum(values)}",
        )
    shares = [divide(p.value, values) for p in payments]
    references = [divide(p.reference_value, values) for p in payments]
    cards = [divide(int(card["value"]), values) for card in gift_cards]
    shipping = body["shippingData"]
    own = {"1", account.name}
    orders = []
    for number, (seller, lines) in enumerate(groups):
        share = [
            Payment(
                id=payment.id,
                payment_system=payment.payment_system,
                payment_system_name=payment.payment_system_name,
                group=payment.group,
                value=shares[i][number],
                reference_value=references[i][number],
                installments=payment.installments,
                details=payment.details,
            )
            for i, payment in enumerate(payments)
        ]
        own_items = tuple(items[i] for i in lines)
        own_logistics = tuple(
            {**logistics[line], "itemIndex": index} for index, line in enumerate(lines)
        )
        the_id = order_id(order_group, number + 1)
        seller_name = account.setting("seller_name") or account.name
        orders.append(
            (
                the_id,
                OrderPlaced(
                    flow="complete" if seller in own else "marketplace",
                    order_group=order_group,
                    sequence=sequences[number],
                    seller=seller,
                    seller_name=seller_name if seller in own else seller,
                    items=own_items,
                    totals=order_totals(own_items, own_logistics),
                    logistics=own_logistics,
                    payments=tuple(share),
                    transaction_id=transaction_id,
                    merchant_name=account.name.upper(),
                    sales_channel=sales_channel,
                    seller_order_id=the_id if seller in own else None,
                    order_form_id=body.get("orderFormId"),
                    gift_cards=tuple(
                        {**card, "value": cards[i][number]} for i, card in enumerate(gift_cards)
                    ),
                    marketing=body.get("marketingData"),
                    preferences=body.get("clientPreferencesData"),
                    store_preferences=body.get("storePreferencesData")
                    or {
                        "countryCode": account.setting("country"),
                        "currencyCode": account.setting("currency"),
                        "timeZone": account.setting("time_zone"),
                    },
                    details={k: v for k, v in body.items() if k not in _PLACEMENT},
                    client_profile=profile,
                    address=_addresses(shipping),
                    invoice_data=body.get("invoiceData") or {},
                    custom_data=body.get("customData") or {},
                    open_text=text,
                ),
            )
        )
    return orders


def payments_sent(body: Any, placed: tuple[Payment, ...]) -> tuple[Payment, ...]:
    """The placed payments with what was sent of them; of a card only first six and last four."""
    sent = body if isinstance(body, list) else [body]
    if len(sent) != len(placed) or not all(isinstance(one, dict) for one in sent):
        raise refuse("ORD020", f"Expected an array of {len(placed)} payments, one for each placed")
    return tuple(_with_card(payment, one) for payment, one in zip(placed, sent, strict=True))


def approves(payment: Payment) -> bool | None:
    """The built-in gateway: test cards approve or deny by their last digits, others stay pending.

    None is pending: bank slips, Pix, cash, promissory and custom systems until they are notified.
    """
    if payment.group in PENDING_GROUPS:
        return None
    return payment.details.get("lastDigits") not in DENIED_LAST_DIGITS


def _with_card(payment: Payment, sent: Json) -> Payment:
    fields = sent.get("fields") or {}
    number = "".join(c for c in str(fields.get("cardNumber") or "") if c.isdigit())
    details = dict(payment.details)
    if number:
        details |= {"firstDigits": number[:6], "lastDigits": number[-4:]}
    due = str(fields.get("dueDate") or "")
    if due:
        details |= {"dueDate": due}
    return Payment(
        id=payment.id,
        payment_system=payment.payment_system,
        payment_system_name=payment.payment_system_name,
        group=payment.group,
        value=payment.value,
        reference_value=payment.reference_value,
        installments=_integer(sent.get("installments", payment.installments), "CHK0019", "x", 1),
        details=details,
    )


def _object(body: Json, name: str, code: str) -> Json:
    part = body.get(name)
    if not isinstance(part, dict):
        raise refuse(code, f"{name} is required and must be an object")
    return part


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


def _integer(value: object, code: str, place: str, lowest: int) -> int:
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise refuse(code, f"{place}: found {value!r}, expected an integer of at least {lowest}")
    return value


def _item(raw: Json, index: int, new_id: Callable[[], str]) -> Item:
    place = f"items[{index}]"
    if not isinstance(raw.get("id"), str | int) or raw.get("id") in ("", True, False):
        raise refuse("CHK0022", f"Invalid id for item: {place}.id")
    try:
        multiplier = Decimal(str(raw.get("unitMultiplier") or 1))
    except InvalidOperation:
        multiplier = Decimal(0)
    if not multiplier.is_finite() or multiplier <= 0:
        raise refuse("CHK0023", f"{place}.unitMultiplier must be a number above 0")
    return Item(
        unique_id=new_id(),
        id=str(raw["id"]),
        seller=raw["seller"],
        quantity=_integer(raw.get("quantity"), "CHK0023", f"{place}.quantity", 1),
        price=_integer(raw.get("price"), "CHK0025", f"{place}.price", 0),
        unit_multiplier=multiplier,
        price_tags=tuple(
            _price_tag(tag, f"{place}.priceTags[{i}]")
            for i, tag in enumerate(raw.get("priceTags") or [])
        ),
        tax=_integer(raw.get("tax") or 0, "CHK0025", f"{place}.tax", 0),
        details={k: v for k, v in raw.items() if k not in _ITEM},
    )


def _price_tag(tag: object, place: str) -> PriceTag:
    if not isinstance(tag, dict):
        raise refuse("CHK0025", f"{place} must be an object")
    value = tag.get("value")
    if value is None and isinstance(tag.get("rawValue"), int | float):
        value = int((Decimal(str(tag["rawValue"])) * 100).to_integral_value())
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse("CHK0025", f"{place}.value: found {value!r}, expected an integer of cents")
    return PriceTag(
        name=str(tag.get("name") or ""),
        value=value,
        identifier=tag.get("identifier"),
        is_percentual=bool(tag.get("isPercentual")),
    )


def _logistics(body: Json, lines: int) -> list[Json]:
    shipping = _object(body, "shippingData", "ORD045")
    if shipping.get("updateStatus") == "outdated":
        raise refuse("ORD022", "shippingData.updateStatus is outdated: ask for the delivery again")
    infos = shipping.get("logisticsInfo")
    if not isinstance(infos, list) or not infos:
        raise refuse("ORD006", "shippingData.logisticsInfo is required, a line for each item")
    found: dict[int, Json] = {}
    for number, info in enumerate(infos):
        place = f"shippingData.logisticsInfo[{number}]"
        if not isinstance(info, dict):
            raise refuse("ORD006", f"{place} must be an object")
        index = info.get("itemIndex")
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < lines:
            raise refuse("CHK0041", f"Invalid item index: {place}.itemIndex")
        price = _integer(info.get("price") or 0, "CHK0025", f"{place}.price", 0)
        channel = info.get("selectedDeliveryChannel") or "delivery"
        if channel == "delivery" and not _addresses(shipping):
            raise refuse("ORD006", f"shippingData.address is required for {place}")
        found[index] = {
            **info,
            "price": price,
            "sellingPrice": _integer(
                info.get("sellingPrice", price), "CHK0025", f"{place}.sellingPrice", 0
            ),
            "listPrice": info.get("listPrice", price),
            "selectedDeliveryChannel": channel,
        }
    missing = [index for index in range(lines) if index not in found]
    if missing:
        raise refuse("ORD006", f"shippingData.logisticsInfo has no line for items[{missing[0]}]")
    return [found[index] for index in range(lines)]


def _addresses(shipping: Json) -> Json:
    address = shipping.get("address")
    selected = shipping.get("selectedAddresses")
    if not isinstance(address, dict):
        address = selected[0] if isinstance(selected, list) and selected else None
    return dict(address) if isinstance(address, dict) else {}


def _profile(body: Json) -> Json:
    profile = _object(body, "clientProfileData", "ORD007")
    email = profile.get("email")
    if not isinstance(email, str) or not _EMAIL.fullmatch(email):
        raise refuse("ORD007", f"clientProfileData.email: found {email!r}, expected an e-mail")
    return profile


def _payments(data: Json, new_id: Callable[[], str]) -> tuple[list[Payment], list[Json]]:
    raw_payments = data.get("payments")
    gift_cards = [card for card in data.get("giftCards") or [] if isinstance(card, dict)]
    gift_cards = [card for card in gift_cards if card.get("inUse", True)]
    for number, card in enumerate(gift_cards):
        _integer(card.get("value"), "ORD020", f"paymentData.giftCards[{number}].value", 0)
    if not isinstance(raw_payments, list) or not (raw_payments or gift_cards):
        raise refuse("ORD020", "paymentData.payments is required: an order needs a payment")
    payments = []
    for number, raw in enumerate(raw_payments):
        place = f"paymentData.payments[{number}]"
        if not isinstance(raw, dict):
            raise refuse("ORD020", f"{place} must be an object")
        system = str(raw.get("paymentSystem") or "")
        if not system:
            raise refuse("ORD020", f"{place}.paymentSystem is required")
        value = _integer(raw.get("value"), "ORD020", f"{place}.value", 0)
        reference = _integer(raw.get("referenceValue", value), "ORD020", f"{place}.value", 0)
        installments = _integer(raw.get("installments", 1), "ORD042", f"{place}.installments", 1)
        if value < reference:
            raise refuse("CHK0016", "Payment value does not match with reference value")
        name, group = name_and_group(system)
        kept = {k: raw[k] for k in ("accountId", "bin", "tokenId") if raw.get(k)}
        payments.append(
            Payment(
                id=new_id(),
                payment_system=system,
                payment_system_name=str(raw.get("paymentSystemName") or name),
                group=str(raw.get("group") or group),
                value=value,
                reference_value=reference,
                installments=installments,
                details=kept,
            )
        )
    return payments, gift_cards
