"""Explain why not: what may be done to an order now, and the no that each other command would get.

Nothing is looked up in a table of statuses: each command's own decision is run on the order, and
what it would record is thrown away. So the answer cannot differ from what the command would get.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from oms_ledger.api.addressing import segment
from oms_ledger.api.dependencies import Caller, TheLedger, requires
from oms_ledger.api.errors import forbidden
from oms_ledger.api.orders import json_response
from oms_ledger.api.past import Told
from oms_ledger.api.roles import OPERATIONS
from oms_ledger.ledger import codec
from oms_ledger.orders.changes import settings as change_settings
from oms_ledger.orders.changes.asked import AskedChange
from oms_ledger.orders.decisions import Decision, Facts
from oms_ledger.orders.decisions.canceling import cancel
from oms_ledger.orders.decisions.changing import Modification, register_change
from oms_ledger.orders.decisions.handling import start_handling
from oms_ledger.orders.decisions.invoicing import issue_invoice
from oms_ledger.orders.decisions.modifying import request_change
from oms_ledger.orders.decisions.payment import notify_payment
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import Refusal

router = APIRouter(prefix="/api/ledger", tags=["Ledger"])

MayLook = Annotated[Caller, Depends(requires("order_history"))]


class RefusalTold(Told):
    status: int = Field(description="HTTP status", examples=[409])
    code: str = Field(examples=["OMS003"])
    message: str = Field(
        examples=["Order status should be ready-for-handling to perform this action"]
    )


class Action(Told):
    """A command, with what it would do now: the events it would record, or why it is refused."""

    command: str = Field(examples=["start-handling"])
    method: str = Field(examples=["POST"])
    path: str = Field(examples=["/api/oms/pvt/orders/v502559acme-01/start-handling"])
    allowed: bool
    would_record: list[str] = Field(
        description="Names of the events; none where a repeated command changes nothing",
        examples=[["handling-requested", "handling-started"]],
    )
    refusal: RefusalTold | None = None


class Actions(Told):
    order_id: str = Field(examples=["v502559acme-01"])
    status: str | None = Field(examples=["ready-for-handling"])
    actions: list[Action]


@dataclass(frozen=True, slots=True)
class Command:
    """A command as the API has it, and its decision with arguments that fit the order."""

    name: str
    operation: str
    method: str
    path: str
    decision: Decision


ORDERS, DOCUMENTS = "/api/oms/pvt/orders", "/api/orders/pvt/document"


def commands(order: Order, facts: Facts) -> Iterator[Command]:
    """The commands an order knows, each with arguments that fit.

    Invoices are tried with what is left or went out, and a change with a discount of one cent.
    """
    path = f"{ORDERS}/{order.order_id}"
    for payment in order.payments:
        yield Command(
            "payment-notification",
            "notify_payment",
            "POST",
            f"{path}/payments/{payment.id}/payment-notification",
            partial(notify_payment, payment_id=payment.id),
        )
    yield Command(
        "start-handling", "start_handling", "POST", f"{path}/start-handling", start_handling
    )
    left = order.value - order.invoiced_value
    for kind, value in (("Output", max(left, 1)), ("Input", max(order.invoiced_value, 1))):
        yield Command(
            f"invoice ({kind})",
            "invoice_order",
            "POST",
            f"{path}/invoice",
            partial(
                issue_invoice, number=facts.receipt, type=kind, value=value, issued_at=facts.now
            ),
        )
    yield Command(
        "change (v1)",
        "change_order",
        "POST",
        f"{path}/changes",
        partial(register_change, asked=Modification(facts.receipt, "why", discount_value=1)),
    )
    yield Command(
        "change (v2)",
        "modify_order",
        "PATCH",
        f"/api/order-system/orders/{order.order_id}/changes",
        partial(
            request_change,
            request_id=facts.receipt,
            workflow_id=facts.receipt,
            asked=AskedChange("why", manual_discount=1),
            settings=change_settings.shown({}),
        ),
    )
    yield Command("cancel", "cancel_order", "POST", f"{path}/cancel", cancel)


@router.get("/orders/{order_id}/actions", response_model=Actions)
async def get_actions(order_id: str, ledger: TheLedger, caller: MayLook) -> Response:
    """Each command with whether it is allowed now, and if not, the refusal it would get.

    A command that the caller's key has no resource for is refused as it would be.
    """
    order = await ledger.order(caller.account, segment(order_id))
    facts = await ledger.facts_about(order)
    told = [_tried(one, order, facts, caller) for one in commands(order, facts)]
    status = None if order.status is None else str(order.status)
    return json_response({"orderId": order.order_id, "status": status, "actions": told})


def _tried(command: Command, order: Order, facts: Facts, caller: Caller) -> dict[str, Any]:
    events, refusal = list[str](), None
    needed = OPERATIONS[command.operation]
    if not caller.resources & needed:
        closed = forbidden(needed)
        refusal = {"status": closed.status, "code": closed.code, "message": closed.message}
    else:
        try:
            events = [codec.NAMES[type(event)] for event in command.decision(order, facts)]
        except Refusal as no:
            refusal = {"status": no.status, "code": no.code, "message": no.message}
    return {
        "command": command.name,
        "method": command.method,
        "path": command.path,
        "allowed": refusal is None,
        "wouldRecord": events,
        "refusal": refusal,
    }
