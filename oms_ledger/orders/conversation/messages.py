"""What the customer gets about an order, and when (contract 07 §1).

A message goes out when the order comes to one of a few turns of its life, from the account that
sold it. Its text is one of the templates here, in the customer's language, or the account's own
as it was when the order was placed: what was once said stays said.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.orders.events import Json
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status, language_of

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

# kind: language: (subject, text). {name}, {order_id}, {store} are filled in.
TEMPLATES: dict[str, dict[str, tuple[str, str]]] = {
    "created": {
        "en": ("Your order was received", "{name}, we received your order {order_id}."),
        "pt": ("Recebemos o seu pedido", "{name}, recebemos o seu pedido {order_id}."),
        "es": ("Recibimos tu pedido", "{name}, recibimos tu pedido {order_id}."),
    },
    "approved": {
        "en": ("Your payment was approved", "{name}, the payment of order {order_id} is approved."),
        "pt": ("Pagamento aprovado", "{name}, o pagamento do pedido {order_id} foi aprovado."),
        "es": ("Pago aprobado", "{name}, el pago del pedido {order_id} fue aprobado."),
    },
    "invoiced": {
        "en": ("Your order was invoiced", "{name}, order {order_id} was invoiced and goes out."),
        "pt": ("Pedido faturado", "{name}, o pedido {order_id} foi faturado e será enviado."),
        "es": ("Pedido facturado", "{name}, el pedido {order_id} fue facturado y será enviado."),
    },
    "canceled": {
        "en": ("Your order was canceled", "{name}, order {order_id} was canceled."),
        "pt": ("Pedido cancelado", "{name}, o pedido {order_id} foi cancelado."),
        "es": ("Pedido cancelado", "{name}, el pedido {order_id} fue cancelado."),
    },
    "changed": {
        "en": ("Your order was changed", "{name}, order {order_id} was changed."),
        "pt": ("Pedido alterado", "{name}, o pedido {order_id} foi alterado."),
        "es": ("Pedido modificado", "{name}, el pedido {order_id} fue modificado."),
    },
}

_CHANGE = "changeOrder"  # the receipt of a change that was applied
_SOLD_HERE = ("complete", "marketplace")


@dataclass(frozen=True, slots=True)
class Message:
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
        if kind and kind not in seen:  # a status may come back, what it given does not
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


def _message(order: Order, kind: str, at: datetime) -> Message:
    locale = (order.placed.preferences or {}).get("locale")
    subject, text = TEMPLATES[kind][language_of(locale if isinstance(locale, str) else "")]
    own = (order.placed.details.get(OWN) or {}).get(kind)
    if own:
        subject, _, text = own.partition("|")
        text = text or subject
    names = _names(order)
    return Message(kind, at, _filled(subject, names).strip(), _filled(text, names).strip())


def _names(order: Order) -> dict[str, Any]:
    name = order.placed.client_profile.get("firstName")
    return {
        "name": name if isinstance(name, str) and name else "Hello",
        "order_id": order.order_id,
        "store": order.seller_name or order.account,
    }


def _filled(template: str, names: dict[str, Any]) -> str:
    """Only the names that are known are filled in; a text may have any other braces."""
    for name, value in names.items():
        template = template.replace("{" + name + "}", str(value))
    return template
