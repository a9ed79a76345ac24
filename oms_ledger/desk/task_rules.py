"""What an order as it stands needs a person for: each occasion is one task, by its surrogate key.

A task is opened when the occasion arises and closed when it is gone, whatever made it go.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.cancellation.decide import pending_requests
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.balances import Kind
from oms_ledger.orders.payments.outbox import GATEWAY
from oms_ledger.orders.status import Status

RESTS = frozenset(
    {
        Status.CANCELLATION_REQUESTED,
        Status.WAITING_FOR_MANUAL_AUTHORIZATION,
        Status.WAITING_FOR_ORDER_AUTHORIZATION,
    }
)
"""Statuses in which an order waits for a person of the account."""

FAILURES = (
    events.OutboxMessageFailed,
    events.OutboxMessageResumed,
    events.OutboxMessageSkipped,
    events.OrderImported,
)
"""Events that may raise or end an occasion while the status stays."""

TITLES: Mapping[str, Mapping[str, str]] = {
    "oms.cancellationRequested": {
        "en": "Accept or deny the cancellation of the order",
        "es": "Aceptar o rechazar la cancelación del pedido",
        "pt": "Aceitar ou recusar o cancelamento do pedido",
    },
    "oms.priceDivergence": {
        "en": "Authorize the order in spite of its price divergence, or cancel it",
        "es": "Autorizar el pedido pese a la divergencia de precio, o cancelarlo",
        "pt": "Autorizar o pedido apesar da divergência de valores, ou cancelá-lo",
    },
    "oms.orderAuthorization": {
        "en": "Decide about an order that a buying policy holds",
        "es": "Decidir sobre un pedido retenido por una política de compra",
        "pt": "Decidir sobre um pedido retido por uma política de compra",
    },
    "oms.partnerCallFailed": {
        "en": "Resume or skip a message that the partner did not take",
        "es": "Reenviar u omitir un mensaje que el socio no aceptó",
        "pt": "Reenviar ou pular uma mensagem que o parceiro não aceitou",
    },
    "oms.refundFailed": {
        "en": "Give the money back: the gateway refused the refund",
        "es": "Devolver el dinero: la pasarela rechazó el reembolso",
        "pt": "Devolver o dinheiro: o gateway recusou o reembolso",
    },
    "oms.triggerDead": {
        "en": "Make a trigger's run about the order again: it failed for good",
        "es": "Repetir la ejecución de un disparador del pedido: falló definitivamente",
        "pt": "Repetir a execução de um gatilho do pedido: falhou definitivamente",
    },
    "oms.workflowIsInError": {
        "en": "Mend the order: a step of it has failed for good",
        "es": "Corregir el pedido: un paso falló definitivamente",
        "pt": "Corrigir o pedido: um passo falhou definitivamente",
    },
}


TRIGGER_DEAD = "oms.triggerDead"


@dataclass(frozen=True, slots=True)
class Occasion:
    """`name` is one of `TITLES`; `description` says of no person."""

    name: str
    surrogate_key: str
    context: str
    priority: str
    description: str


def occasions(order: Order | None) -> dict[str, Occasion]:
    """By surrogate key; none of an order that is not there yet."""
    return {} if order is None else {one.surrogate_key: one for one in _occasions(order)}


def _occasions(order: Order) -> Iterator[Occasion]:
    match order.status:
        case Status.CANCELLATION_REQUESTED:
            pending = pending_requests(order)
            before = order.resumes or "under way"
            what = f"The order was {before} when its cancellation was requested"
            yield _occasion(
                order, "oms.cancellationRequested", pending[0].id if pending else "", what
            )
        case Status.WAITING_FOR_MANUAL_AUTHORIZATION:
            what = "What the marketplace pays differs from the order's value"
            yield _occasion(order, "oms.priceDivergence", "", what)
        case Status.WAITING_FOR_ORDER_AUTHORIZATION:
            what = "A rule of a buying policy waits for its authorizers"
            yield _occasion(order, "oms.orderAuthorization", "", what)
    for message_id, failed in sorted(order.failed_messages.items()):
        what = f"Message {message_id} ({failed.kind} to {failed.recipient}) failed for good"
        yield _occasion(order, _failure(failed), message_id, what, "Critical")
    if order.imported and order.placed.details.get("workflowIsInError"):
        yield _occasion(order, "oms.workflowIsInError", "", "Imported in error", "Critical")


def dead_run(order: Order, run_id: str, trigger: str) -> Occasion:
    """What somebody is needed for while a run of a trigger about the order is dead."""
    what = f"Run {run_id} of the trigger {trigger} failed for good"
    return _occasion(order, TRIGGER_DEAD, run_id, what, "Critical")


def _failure(failed: events.OutboxMessageFailed) -> str:
    if failed.recipient != GATEWAY:
        return "oms.partnerCallFailed"
    return "oms.refundFailed" if failed.kind == Kind.REFUND else "oms.workflowIsInError"


def _occasion(
    order: Order, name: str, which: str, description: str, priority: str = "Normal"
) -> Occasion:
    key = "/".join(filter(None, (order.order_id, name, which)))
    return Occasion(name, key, order.domain, priority, description)


def as_task(order: Order, occasion: Occasion) -> dict[str, Any]:
    """The task as the published operation creates one."""
    url = f"/admin/checkout/#/orders/{order.order_id}"
    return {
        "target": [{"id": order.order_id, "type": "order", "url": url}],
        "domain": "oms",
        "context": occasion.context,
        "name": occasion.name,
        "translateMapping": dict(TITLES[occasion.name]),
        "priority": occasion.priority,
        "surrogateKey": occasion.surrogate_key,
        "description": occasion.description,
        "dueDate": None,
        "assignee": None,
        "followers": [],
        "parentTaskId": None,
        "orderId": order.order_id,
    }
