"""How a cart is paid: installments on offer, and payments that follow its total."""

from collections.abc import Sequence
from dataclasses import dataclass

from oms_ledger.carts.cart import Cart, Json, Payment
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.values import cents, objects, text_of, whole
from oms_ledger.offers.catalog import InstallmentCondition, PaymentCondition
from oms_ledger.orders.pricing import Installment, installment


@dataclass(frozen=True, slots=True)
class PricedPayment:
    """A payment with what it comes to, in cents; the rate in hundredths of a per cent."""

    payment: Payment
    reference_value: int
    value: int
    interest_rate: int
    installment_value: int


def options_of(
    condition: PaymentCondition, total: int
) -> list[tuple[InstallmentCondition, Installment]]:
    """The installments that a total of cents may be paid in by a system; paying at once always."""
    found = []
    for one in condition.installments:
        parts = installment(total, one.count, one.interest_rate)
        if one.count == 1 or parts.value >= condition.minimum_installment:
            found.append((one, parts))
    return found


def condition_of(conditions: Sequence[PaymentCondition], system: str) -> PaymentCondition | None:
    """The condition of a payment system; None for one that is not on offer."""
    return next((one for one in conditions if one.system == system), None)


def priced_payment(
    payment: Payment, reference_value: int, conditions: Sequence[PaymentCondition]
) -> PricedPayment | None:
    """What the payment comes to for this part of the cart; None when it is not on offer."""
    condition = condition_of(conditions, payment.payment_system)
    if condition is None:
        return None
    for one, parts in options_of(condition, reference_value):
        if one.count == payment.installments:
            return PricedPayment(
                payment, reference_value, parts.total, one.interest_rate, parts.value
            )
    return None


def payments_of(
    cart: Cart, total: int, conditions: Sequence[PaymentCondition]
) -> tuple[tuple[Json, ...], tuple[PricedPayment, ...], bool]:
    """Gift cards and payments as they pay a total; True when a chosen one is no more on offer.

    Of several payments all but the last keep what they pay; the last takes the rest.
    """
    gift_cards, left = gift_cards_of(cart, total)
    if not cart.payments or not cart.lines:
        return gift_cards, (), False
    kept = cart.payments[:-1]
    rest = left - sum(one.reference_value for one in kept)
    if rest < 0:  # what was split manually does not fit any more: the first pays all that it can
        kept, rest = (), left
    last = cart.payments[-1] if kept else cart.payments[0]
    parts = [*((one, one.reference_value) for one in kept), (last, rest)]
    found = [priced_payment(payment, value, conditions) for payment, value in parts]
    if any(one is None for one in found):
        return gift_cards, (), True
    return gift_cards, tuple(one for one in found if one is not None), False


def gift_cards_of(cart: Cart, total: int) -> tuple[tuple[Json, ...], int]:
    """The cart's gift cards with what each of them pays, and what is left to pay."""
    left, shown = total, []
    for card in cart.gift_cards:
        pays = 0
        if card["inUse"]:
            balance = card.get("balance")
            pays = min(card["value"], left, card["value"] if balance is None else balance)
        left -= pays
        shown.append({**card, "value": pays})
    return tuple(shown), left


def read_payments(
    body: Json, total: int, conditions: Sequence[PaymentCondition]
) -> tuple[Payment, ...]:
    """The payments of a `paymentData` section; refuses what the account does not offer."""
    found = []
    for number, raw in enumerate(objects(body.get("payments"), "ORD020", "payments")):
        place = f"payments[{number}]"
        reference = cents(raw.get("referenceValue"))
        if reference is None or reference < 0:
            raise CartRefusal("ORD020", place=f"{place}.referenceValue")
        value = reference if raw.get("value") is None else cents(raw["value"])
        if value is None or value < 0:
            raise CartRefusal("ORD020", place=f"{place}.value")
        if value < reference:
            raise CartRefusal("CHK0016", place=place)
        system = text_of(raw.get("paymentSystem")) or ""
        condition = condition_of(conditions, system.strip())
        if condition is None:
            raise CartRefusal("CHK0152", place=f"{place}.paymentSystem")
        count = 1 if raw.get("installments") is None else whole(raw["installments"])
        offered = [one.count for one, _ in options_of(condition, total)]
        if count is None or count not in offered:
            raise CartRefusal("ORD042", place=f"{place}.installments")
        found.append(
            Payment(
                payment_system=condition.system,
                installments=count,
                reference_value=reference,
                details=_details(raw),
            )
        )
    if total - sum(one.reference_value for one in found[:-1]) < 0:
        raise CartRefusal("CHK0151", place="payments before the last come to more than the cart")
    return tuple(found)


def _details(raw: Json) -> Json:
    """Of a card what may be kept: its first digits and the ids of a saved one."""
    kept = {k: raw[k] for k in ("accountId", "tokenId") if isinstance(raw.get(k), str) and raw[k]}
    digits = "".join(c for c in str(raw.get("bin") or "") if c in "0123456789")
    return {**kept, "bin": digits[:8]} if digits else kept


def read_gift_cards(body: Json) -> tuple[Json, ...]:
    """The gift cards of a section, each with an id and a value in cents."""
    found = []
    for number, raw in enumerate(objects(body.get("giftCards"), "ORD020", "giftCards")):
        place = f"giftCards[{number}]"
        value, balance = cents(raw.get("value") or 0), raw.get("balance")
        if value is None or value < 0:
            raise CartRefusal("ORD020", place=f"{place}.value")
        if balance is not None and (cents(balance) is None or (cents(balance) or 0) < 0):
            raise CartRefusal("ORD020", place=f"{place}.balance")
        names = ("redemptionCode", "provider", "id", "name", "caption", "groupName")
        found.append(
            {
                **{name: text_of(raw.get(name)) for name in names},
                "value": value,
                "balance": None if balance is None else cents(balance),
                "inUse": raw.get("inUse", True) is not False,
                "isSpecialCard": raw.get("isSpecialCard") is True,
            }
        )
    return tuple(found)
