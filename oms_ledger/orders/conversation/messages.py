"""The turns of an order's life that its document shows to the customer, by `lastMessage`.

The texts are built in, in the customer's language, or the account's own as they were when the
order was placed. Mails are messages of the outbox: see `outbox` beside this module.
"""

from dataclasses import dataclass
from datetime import datetime

from oms_ledger.accounts.account import Account
from oms_ledger.orders.conversation import texts
from oms_ledger.orders.events import Json
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status

TURNS = {
    Status.ORDER_CREATED: "created",
    Status.PAYMENT_APPROVED: "approved",
    Status.INVOICED: "invoiced",
    Status.CANCELED: "canceled",
}
CHANGED = "changed"
KINDS = (*TURNS.values(), CHANGED)

# Under this name the details of a placed order keep the account's own templates, by kind.
OWN = "messageTemplates"

TEMPLATES = {
    "created": texts.NEW_ORDER,
    "approved": texts.PAYMENT_APPROVED,
    "invoiced": texts.ORDER_INVOICED,
    "canceled": texts.ORDER_CANCELLED,
    CHANGED: texts.ORDER_CHANGED,
}
"""The published template of each kind."""

_CHANGE = "changeOrder"  # the receipt of a change that was applied
_SOLD_HERE = ("complete", "marketplace")


@dataclass(frozen=True, slots=True)
class Message:
    """A turn as the customer reads it; `kind` is one of `KINDS`, `at` when the order turned."""

    kind: str
    at: datetime
    subject: str
    text: str


def messages(order: Order) -> list[Message]:
    """All messages of an order, oldest first."""
    if order.flow not in _SOLD_HERE:
        return []
    fields: list[tuple[datetime, str]] = []
    seen: set[str] = set()
    timeline = order.timeline[1:] if order.imported else order.timeline
    for status, at in timeline:
        kind = TURNS.get(status)
        if kind and kind not in seen:  # a status may come back, its message does not
            seen.add(kind)
            fields.append((at, kind))
    fields += [(at, CHANGED) for receipt, _, at in order.receipts if receipt == _CHANGE]
    return [_message(order, kind, at) for at, kind in sorted(fields, key=lambda one: one[0])]


def own_templates(account: Account) -> Json:
    """The account's own templates, as a placed order keeps them among its details."""
    own = {kind: text for kind in KINDS if (text := account.setting(f"mail_{kind}"))}
    return {OWN: own} if own else {}


def last_message(order: Order) -> str | None:
    """The text of the last message, at most 140 characters; None when none went out."""
    every = messages(order)
    return every[-1].text[:140] if every else None


def own_text(order: Order, kind: str | None) -> texts.Text | None:
    """The account's own subject and text, as they were when the order was placed."""
    own = (order.placed.details.get(OWN) or {}).get(kind)
    if not own:
        return None
    subject, _, text = own.partition("|")
    return subject, text or subject


def names(order: Order) -> dict[str, object]:
    """What every text may name."""
    name = order.placed.client_profile.get("firstName")
    return {
        "name": name if isinstance(name, str) and name else "Hello",
        "order_id": order.order_id,
        "store": order.seller_name or order.account,
        "reason": "",
    }


def _message(order: Order, kind: str, at: datetime) -> Message:
    locale = (order.placed.preferences or {}).get("locale")
    subject, text = own_text(order, kind) or texts.text_of(TEMPLATES[kind], locale)
    known = names(order)
    return Message(kind, at, texts.filled(subject, known), texts.filled(text, known))
