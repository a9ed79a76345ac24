"""The commands of an order as forms: their names, their fields, the request they become.

What is allowed is what the API's `actions` say; nothing here decides. A pending cancellation has
a form of its own, so that going back to the form that asked for it never confirms it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from oms_ledger.backoffice.asking import path_of
from oms_ledger.whole_numbers import is_whole

Given = Mapping[str, list[str]]
Json = dict[str, Any]


class WrongField(Exception):
    """What was typed into a field cannot be used."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field, self.message = field, message


@dataclass(frozen=True, slots=True)
class CommandForm:
    """`command` is its name in `actions`; `button` and `verb` say what it does.

    `body` makes the request's body of what was typed, the order's document and the action.
    """

    slug: str
    command: str
    button: str
    body: Callable[[Given, Json, Json], Json] = lambda given, order, action: {}
    template: str = "plain"
    danger: bool = False


def one(given: Given, name: str) -> str:
    """The first value of a field without space around it; "" when it was not sent."""
    return given.get(name, [""])[0].strip()


def cents(given: Given, name: str, *, digits: int = 2) -> int | None:
    """An amount as typed, in cents; None for an empty field."""
    text = one(given, name).replace(",", ".")
    if not text:
        return None
    try:
        value = Decimal(text).scaleb(digits)
    except InvalidOperation:
        raise WrongField(name, f"{text[:40]!r} is no amount") from None
    if not value.is_finite() or value != value.to_integral_value() or abs(value) > 10**15:
        raise WrongField(name, f"{text[:40]!r} is no amount with {digits} digits after the point")
    return int(value)


def whole(given: Given, name: str) -> int:
    """A whole number of up to nine digits, 0 for an empty field; `WrongField` otherwise."""
    text = one(given, name) or "0"
    if not is_whole(text, 9):
        raise WrongField(name, f"{text[:40]!r} is no whole number")
    return int(text)


def dated(given: Given, now: datetime) -> Given:
    """Fill in the present where no date was typed."""
    return given if one(given, "date") else {**given, "date": [f"{now:%Y-%m-%d %H:%M}"]}


def _present(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def _reason(given: Given, order: Json, action: Json) -> Json:
    return _present(reason=one(given, "reason"))


def _denial(given: Given, order: Json, action: Json) -> Json:
    request = action["body"]["cancellationRequestId"]
    return {"cancellationRequestId": request, "denyReason": one(given, "reason")}


def _invoice(given: Given, order: Json, action: Json) -> Json:
    lines = []
    for index, item in enumerate(order["items"]):
        quantity = whole(given, f"quantity-{index}")
        if quantity:
            lines.append({"id": item["id"], "quantity": quantity, "price": item["sellingPrice"]})
    value = cents(given, "value")
    return {
        "type": action["body"]["type"],
        "invoiceNumber": one(given, "number"),
        "invoiceValue": value if value is not None else action["body"]["invoiceValue"],
        "issuanceDate": one(given, "date")[:10],
        "items": lines,
        **_present(
            invoiceKey=one(given, "invoice-key"),
            courier=one(given, "courier"),
            trackingNumber=one(given, "tracking"),
            trackingUrl=one(given, "tracking-url"),
        ),
    }


def _tracking(given: Given, order: Json, action: Json) -> Json:
    return _present(
        courier=one(given, "courier"),
        trackingNumber=one(given, "tracking"),
        trackingUrl=one(given, "tracking-url"),
    )


def _delivery(given: Given, order: Json, action: Json) -> Json:
    events = []
    if text := one(given, "description"):
        at = one(given, "date").replace("T", " ")
        place = {"city": one(given, "city"), "state": one(given, "state")}
        events.append({"date": at, "description": text, **place})
    body: Json = {"isDelivered": one(given, "delivered") == "yes"}
    return body | ({"events": events} if events else {})


def _change(given: Given, order: Json, action: Json) -> Json:
    """Fewer or more units of lines, a new line, a discount or an increment, with a reason."""
    removed, added = [], []
    for index, item in enumerate(order["items"]):
        text = one(given, f"quantity-{index}")
        wanted = whole(given, f"quantity-{index}") if text else item["quantity"]
        line = {"id": item["id"], "uniqueId": item["uniqueId"]}
        if wanted < item["quantity"]:
            removed.append({**line, "quantity": item["quantity"] - wanted})
        elif wanted > item["quantity"]:
            added.append({"id": item["id"], "quantity": wanted - item["quantity"]})
    if sku := one(given, "sku"):
        price = cents(given, "sku-price")
        line = {"id": sku, "quantity": whole(given, "sku-quantity") or 1}
        added.append(line | ({"price": price} if price is not None else {}))
    return _present(
        reason=one(given, "reason"),
        manualDiscountValue=cents(given, "discount"),
        manualIncrementValue=cents(given, "increment"),
        remove=[{"items": removed}] if removed else None,
        add=[{"items": added}] if added else None,
    )


def _change_v1(given: Given, order: Json, action: Json) -> Json:
    return _present(
        requestId=one(given, "key"),
        reason=one(given, "reason"),
        discountValue=cents(given, "discount"),
        incrementValue=cents(given, "increment"),
    )


def _seller(given: Given, order: Json, action: Json) -> Json:
    return {**action["body"], "newSellerId": one(given, "seller")}


def _refund(given: Given, order: Json, action: Json) -> Json:
    value = cents(given, "value")
    return {"value": value if value is not None else action["body"]["value"]}


FORMS: list[CommandForm] = [
    CommandForm("payment", "payment-notification", "Payment received"),
    CommandForm("authorize-fulfillment", "authorize-fulfillment", "Authorize fulfillment"),
    CommandForm("fulfill", "fulfill", "Dispatch"),
    CommandForm("start-handling", "start-handling", "Start handling"),
    CommandForm("waiting-for-fulfillment", "waiting-for-fulfillment", "Wait for the warehouse"),
    CommandForm("ready-for-invoicing", "ready-for-invoicing", "Ready for invoicing"),
    CommandForm("invoice", "invoice (Output)", "Invoice", _invoice, "invoice"),
    CommandForm("tracking", "tracking number", "Tracking", _tracking, "tracking"),
    CommandForm("delivery", "tracking", "Delivery", _delivery, "delivery"),
    CommandForm("change", "change (v2)", "Change", _change, "change"),
    CommandForm("change-v1", "change (v1)", "Change of value", _change_v1, "value"),
    CommandForm("retry-change", "retry change (v2)", "Retry the change"),
    CommandForm("cancel-change", "cancel change (v2)", "Cancel the change", _reason, "reason"),
    CommandForm("change-seller", "change seller", "Change the seller", _seller, "seller"),
    CommandForm("return", "invoice (Input)", "Return", _invoice, "invoice"),
    CommandForm("refund", "refund", "Refund", _refund, "refund"),
    CommandForm("deny-cancellation", "deny cancellation", "Deny the cancellation", _denial,
                "reason"),
    CommandForm("confirm-cancellation", "cancel", "Confirm the cancellation", _reason, "reason",
                danger=True),
    CommandForm("cancel", "cancel", "Cancel", _reason, "reason", danger=True),
]  # fmt: skip
BY_SLUG = {form.slug: form for form in FORMS}


@dataclass(frozen=True, slots=True)
class Button:
    """A command that a page offers, with the action that the API listed for it."""

    form: CommandForm
    action: Json
    number: int  # among the actions of this command, as each payment has one


def pending_cancellation(actions: list[Json]) -> bool:
    """Whether a cancellation was asked for and waits: then it can be denied."""
    return any(a["command"] == "deny cancellation" and a["allowed"] for a in actions)


def action_of(form: CommandForm, actions: list[Json], number: int = 0) -> Json | None:
    """The action that a form is about; None where it is about none of this order."""
    if form.command == "cancel" and (
        (form.slug == "confirm-cancellation") != pending_cancellation(actions)
    ):
        return None
    found = [action for action in actions if action["command"] == form.command]
    return found[number] if number < len(found) else None


def buttons(actions: list[Json]) -> list[Button]:
    """What is allowed now, the next natural step first; last what would change nothing.

    What somebody asked for is decided before anything else.
    """
    made = []
    for form in FORMS:
        for number, action in enumerate(a for a in actions if a["command"] == form.command):
            if action["allowed"] and action_of(form, actions, number) is not None:
                made.append(Button(form, action, number))
    requested = pending_cancellation(actions)
    decisions = ("deny-cancellation", "confirm-cancellation") if requested else ()
    return sorted(made, key=lambda b: (not b.action["wouldRecord"], b.form.slug not in decisions))


def api_path(action: Json, given: Given) -> str:
    """Where the command is sent; a form about packages names the invoice itself."""
    path: str = action["path"]
    if number := one(given, "invoice"):
        head, _, tail = path.partition("/invoice/")
        rest = "/tracking" if tail.endswith("/tracking") else ""
        return f"{head}/invoice{path_of(number)}{rest}"
    return path
