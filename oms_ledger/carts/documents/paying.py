"""How a cart may be paid and is paid, as documents show it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from oms_ledger.carts.cart import Json
from oms_ledger.carts.payments import PricedPayment, options_of
from oms_ledger.carts.pricing import PricedCart
from oms_ledger.offers.catalog import PaymentCondition
from oms_ledger.orders.payments.systems import SYSTEMS, name_and_group

DUE = timedelta(days=7)
_GROUPS = {
    "creditCard": "creditCardPaymentGroup",
    "debitCard": "debitCardPaymentGroup",
    "bankInvoice": "bankInvoicePaymentGroup",
    "instantPayment": "instantPaymentPaymentGroup",
    "promissory": "promissoryPaymentGroup",
    "giftCard": "giftCardPaymentGroup",
    "cash": "cashPaymentGroup",
    "payPal": "payPalPaymentGroup",
}
_CARDS = {"creditCardPaymentGroup", "debitCardPaymentGroup"}


WELL_KNOWN = tuple(
    PaymentCondition(system=system, name=name)
    for system, (name, group) in SYSTEMS.items()
    if group != "giftCard"
)
"""Each well-known system at once and free, for accounts that loaded no conditions."""


def name_of(condition: PaymentCondition) -> str:
    """What a payment system is called: as the offers say, else by its well-known name."""
    return condition.name or name_and_group(condition.system)[0]


def group_name(condition: PaymentCondition) -> str:
    """The group as carts name it; an own system has one that carries its number."""
    if condition.group:
        return _GROUPS.get(condition.group, condition.group)
    group = name_and_group(condition.system)[1]
    own = condition.system not in SYSTEMS
    if own or group not in _GROUPS:
        return f"custom{condition.system}PaymentGroupPaymentGroup"
    return _GROUPS[group]


def installment_options(
    conditions: Iterable[PaymentCondition], total: int, account: str, *, named: bool
) -> list[Json]:
    """One event per system; names are filled in simulations, and null in carts."""
    return [installment_option(one, total, account, named=named) for one in conditions]


def installment_option(
    condition: PaymentCondition, total: int, account: str, *, named: bool
) -> Json:
    """The ways to pay a total (cents) in parts; with the system's name where `named`."""
    parts = [
        {
            "count": fields.count,
            "hasInterestRate": bool(fields.interest_rate),
            "interestRate": fields.interest_rate,
            "value": one.value,
            "total": one.total,
        }
        for fields, one in options_of(condition, total)
    ]
    return {
        "paymentSystem": condition.system,
        "bin": None,
        "paymentName": name_of(condition) if named else None,
        "paymentGroupName": group_name(condition) if named else None,
        "value": total,
        "installments": [
            {**one, "sellerMerchantInstallments": [{"id": account.upper(), **one}]} for one in parts
        ],
    }


def payment_systems(conditions: tuple[PaymentCondition, ...], now: datetime) -> Sequence[Json]:
    """The payment systems on offer, as `paymentSystems` has them."""
    return _payment_systems(conditions, f"{now + DUE:%Y-%m-%dT%H:%M:%S}Z")


@lru_cache(256)
def _payment_systems(conditions: tuple[PaymentCondition, ...], due: str) -> Sequence[Json]:
    """The same for every cart of a second; nobody may change it."""
    return [_payment_system(one, due) for one in conditions]


def _payment_system(condition: PaymentCondition, due: str) -> Json:
    group = group_name(condition)
    card = group in _CARDS
    return {
        "id": int(condition.system),
        "name": name_of(condition),
        "groupName": group,
        "validator": {
            "regex": r"^[0-9]{13,19}$" if card else None,
            "mask": "9999 9999 9999 9999" if card else None,
            "cardCodeRegex": r"^[0-9]{3,4}$" if card else None,
            "cardCodeMask": "999" if card else None,
            "weights": [2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1] if card else None,
            "useCvv": card,
            "useExpirationDate": card,
            "useCardHolderName": card,
            "useBillingAddress": card,
        },
        "stringId": condition.system,
        "template": f"{group}-template",
        "requiresDocument": False,
        "displayDocument": False,
        "isCustom": group.startswith("custom"),
        "description": condition.description,
        "requiresAuthentication": False,
        "dueDate": due,
        "availablePayments": None,
    }


def payment(priced: PricedPayment, account: str) -> Json:
    """A chosen payment with its parts, in cents."""
    fields = priced.payment
    figures = {
        "installments": fields.installments,
        "referenceValue": priced.reference_value,
        "value": priced.value,
        "interestRate": priced.interest_rate,
        "installmentValue": priced.installment_value,
    }
    return {
        "paymentSystem": fields.payment_system,
        "bin": fields.details.get("bin"),
        "accountId": fields.details.get("accountId"),
        "tokenId": fields.details.get("tokenId"),
        "installments": fields.installments,
        "referenceValue": priced.reference_value,
        "value": priced.value,
        "merchantSellerPayments": [{"id": account.upper(), **figures}],
    }


def payment_data(priced: PricedCart, account: str, now: datetime, *, named: bool = False) -> Json:
    """The section `paymentData`."""
    available = bool(priced.available)
    shown = _gift_cards(priced.gift_cards)
    return {
        "updateStatus": "updated",
        "installmentOptions": installment_options(
            priced.conditions if available else (), priced.value, account, named=named
        ),
        "paymentSystems": payment_systems(priced.conditions, now) if priced.lines else [],
        "payments": [payment(one, account) for one in priced.payments],
        "giftCards": shown,
        "giftCardMessages": [],
        "availableAccounts": [],
        "availableTokens": [],
        "availableAssociations": {},
    }


def _gift_cards(cards: Sequence[Json]) -> list[Json]:
    return [{key: value for key, value in card.items()} for card in cards]
