"""The payments of a transaction as clients really send them (contract 05 §1).

Clients send other systems and other values than the placement named, as long as they pay the same
sum; they may leave out what did not change. Of a card the first six and last four digits are
taken; never its number, code, holder or expiry.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from oms_ledger.orders.events import Json, Payment
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.allocation import split, whole
from oms_ledger.orders.payments.systems import CARD_GROUPS, GIFT_CARD, name_and_group
from oms_ledger.orders.placement.reading import integer, money, refuse


def payments_sent(body: Any, orders: Sequence[Order]) -> dict[str, tuple[Payment, ...]]:
    """What pays each order of a purchase, by order id, after these payments were sent."""
    placed = whole(orders)
    payments = sent(body, placed)
    if _values(payments) == _values(placed):
        return {order.order_id: _with_details(order.payments, payments) for order in orders}
    shares = split(payments, [order.value for order in orders])
    return {order.order_id: own for order, own in zip(orders, shares, strict=True)}


def sent(body: Any, placed: Sequence[Payment]) -> tuple[Payment, ...]:
    """The payments of the whole transaction: as sent, and gift cards that were not sent again."""
    given = body if isinstance(body, list) else [body]
    if not given or not all(isinstance(one, dict) for one in given):
        raise refuse("ORD020", "Expected an array of payments, one for each that pays")
    others, cards = list(placed), list[Payment]()
    if len(given) != len(placed):
        others = [one for one in placed if one.payment_system != GIFT_CARD]
        cards = [one for one in placed if one.payment_system == GIFT_CARD]
        if len(given) != len(others) and not all("value" in one for one in given):
            expected = f"Expected an array of {len(others)} payments, one for each placed"
            raise refuse("ORD020", f"{expected}, or the value of each")
    payments = [
        _sent(one, others[index] if index < len(others) else None, index, others)
        for index, one in enumerate(given)
    ]
    paid = sum(payment.reference_value for payment in payments)
    agreed = sum(payment.reference_value for payment in others)
    if paid != agreed:
        raise refuse(
            "CHK0198",
            f"Payment total ({paid}) differs from store desired value ({agreed})",
        )
    return (*payments, *cards)


def require_placed_cards(body: Any, orders: Sequence[Order]) -> None:
    """Refuse a gift card that the placement did not have: its value would be the sender's word."""
    placed = sum(payment.payment_system == GIFT_CARD for payment in whole(orders))
    given = body if isinstance(body, list) else [body]
    named = [one.get("paymentSystem") for one in given if isinstance(one, dict)]
    if sum(str(system).strip() == GIFT_CARD for system in named) > placed:
        raise refuse("ORD020", "Gift cards are sent with a key, or with the placement")


def _values(payments: Sequence[Payment]) -> list[tuple[str, int, int]]:
    return [(payment.id, payment.value, payment.reference_value) for payment in payments]


def _with_details(shares: tuple[Payment, ...], sent: Sequence[Payment]) -> tuple[Payment, ...]:
    """Same values as before: every order keeps its shares and learns the rest."""
    return tuple(
        replace(payment, value=share.value, reference_value=share.reference_value)
        for share, payment in zip(shares, sent, strict=True)
    )


def _sent(given: Json, placed: Payment | None, index: int, others: Sequence[Payment]) -> Payment:
    place = f"[{index}]"
    fields = given.get("fields")
    if fields is not None and not isinstance(fields, dict):
        raise refuse("ORD020", f"{place}.fields: expected an object")
    payment = _named(given, placed, place) if placed else _further(given, index, others, place)
    if given.get("value") is not None:
        payment = _valued(given, payment, place)
    installments = given.get("installments")
    if installments is None:
        installments = payment.installments
    return replace(
        payment,
        installments=integer(installments, "ORD042", f"{place}.installments", 1, text=True),
        details={**payment.details, **_kept(fields or {}, payment)},
    )


def _named(given: Json, placed: Payment, place: str) -> Payment:
    """The placed payment, by another system when another was sent."""
    system = given.get("paymentSystem")
    if system is None or str(system).strip() == placed.payment_system:
        return placed
    return replace(placed, **_system(given, place), details={})


def _further(given: Json, index: int, others: Sequence[Payment], place: str) -> Payment:
    """One more payment than was placed; its id follows from those of the placed ones."""
    first = others[0].id if others else ""
    the_id = hashlib.sha256(f"{first}/{index}".encode()).hexdigest()[:32].upper()
    return Payment(id=the_id, **_system(given, place), value=0, reference_value=0)


def _system(given: Json, place: str) -> Json:
    system = given.get("paymentSystem")
    if isinstance(system, bool) or not isinstance(system, str | int) or not str(system).strip():
        raise refuse("ORD020", f"{place}.paymentSystem: found {system!r}, expected an id")
    name, group = name_and_group(str(system).strip())
    values = {"payment_system_name": ("paymentSystemName", name), "group": ("group", group)}
    names = {
        ours: given[theirs] if isinstance(given.get(theirs), str) and given[theirs] else known
        for ours, (theirs, known) in values.items()
    }
    return {"payment_system": str(system).strip(), **names}


def _valued(given: Json, payment: Payment, place: str) -> Payment:
    value = money(given["value"], "ORD020", f"{place}.value", text=True)
    reference: object = given.get("referenceValue")
    if reference is None:
        reference = payment.reference_value if value == payment.value else value
    reference = money(reference, "ORD020", f"{place}.referenceValue", text=True)
    if value < reference:
        raise refuse(
            "CHK0016",
            f"Payment value does not match with reference value: {place} has"
            f" {value} of {reference}",
        )
    return replace(payment, value=value, reference_value=reference)


def _kept(fields: Json, payment: Payment) -> Json:
    kept = _card_digits(fields.get("cardNumber"))
    due = fields.get("dueDate")
    if isinstance(due, str) and due and payment.group not in CARD_GROUPS:
        kept["dueDate"] = due
    for name in ("accountId", "tokenId"):
        if isinstance(fields.get(name), str) and fields[name]:
            kept[name] = fields[name]
    return kept


def _card_digits(number: object) -> Json:
    """What may be kept of a card number: of a short or masked one, no more than the end."""
    digits = [c for c in str(number or "") if c in "0123456789"]
    kept: Json = {}
    if len(digits) >= 12:
        kept["firstDigits"] = "".join(digits[:6])
    if len(digits) >= 4:
        kept["lastDigits"] = "".join(digits[-4:])
    return kept
