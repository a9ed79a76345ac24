"""Well-known payment systems: id, name and group, as documents show them."""

from oms_ledger.whole_numbers import is_whole

SYSTEMS: dict[str, tuple[str, str]] = {
    "1": ("American Express", "creditCard"),
    "2": ("Visa", "creditCard"),
    "3": ("Diners", "creditCard"),
    "4": ("Mastercard", "creditCard"),
    "6": ("Boleto Bancário", "bankInvoice"),
    "8": ("Hipercard", "creditCard"),
    "9": ("Elo", "creditCard"),
    "12": ("PayPal", "payPal"),
    "16": ("Vale", "giftCard"),
    "17": ("Promissory", "promissory"),
    "47": ("Cash", "cash"),
    "125": ("Pix", "instantPayment"),
}

CUSTOM = "custom"
"""The group of a payment system that is not a well-known one."""

# Of these a card is sent, or one that was saved.
CARD_GROUPS = frozenset({"creditCard", "debitCard"})

# Who answers later: the built-in gateway leaves these pending until they are notified.
PENDING_GROUPS = frozenset({"bankInvoice", "promissory", "cash", "instantPayment", CUSTOM})

# Last digits of test cards that the built-in gateway denies.
DENIED_LAST_DIGITS = frozenset({"0002", "0069", "0127"})


def name_and_group(payment_system: str) -> tuple[str, str]:
    """The name and group of a payment system; `custom` when it is not a well-known one."""
    if payment_system in SYSTEMS:
        return SYSTEMS[payment_system]
    if 201 <= (number_of(payment_system) or 0) <= 250:
        return "Promissory", "promissory"
    return "Custom", CUSTOM


def number_of(payment_system: str) -> int | None:
    """The number that a payment system is called by; None where its name is none."""
    return int(payment_system) if is_whole(payment_system, 9) else None


# Last digits of test cards whose holder has to confirm elsewhere first.
REDIRECTED_LAST_DIGITS = frozenset({"3220"})

GIFT_CARD = "16"

NO_PAYMENT = "NO-PAYMENT"
"""The transaction of a purchase that costs nothing: there is none."""
