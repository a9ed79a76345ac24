"""Explain why not: what may be done to an order now, and the no that each other command would get.

Nothing is looked up in a table of statuses: each command's own decision is run on the order, and
what it would record is thrown away. So the answer cannot differ from what the command would get.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from oms_ledger.accounts.roles import OPERATIONS
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.commands import Command, commands
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.errors import ApiError, forbidden
from oms_ledger.api.orders.documents import json_response
from oms_ledger.eventstore.serialization import stored_name
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.reactions import with_payment_requests
from oms_ledger.refusal import Refusal

router = APIRouter(prefix="/api/ledger", tags=["Ledger"])

MayLook = Annotated[Caller, Depends(requires("order_history"))]


class RefusalModel(ResponseModel):
    """The answer that the command would get now."""

    status: int = Field(description="HTTP status", examples=[409])
    code: str = Field(examples=["OMS003"])
    message: str = Field(
        examples=["Order status should be ready-for-handling to perform this action"]
    )


class Action(ResponseModel):
    """A command, with what it would do now: the events it would record, or why it is refused."""

    command: str = Field(examples=["start-handling"])
    method: str = Field(examples=["POST"])
    path: str = Field(examples=["/api/oms/pvt/orders/v502559acme-01/start-handling"])
    body: dict[str, Any] = Field(description="What the command was tried with")
    allowed: bool
    would_record: list[str] = Field(
        description="Names of the events; none where a repeated command changes nothing",
        examples=[["handling-requested", "handling-started"]],
    )
    refusal: RefusalModel | None = None


class Actions(ResponseModel):
    """What may be done to an order in its present status."""

    order_id: str = Field(examples=["v502559acme-01"])
    status: str | None = Field(examples=["ready-for-handling"])
    actions: list[Action]


@router.get("/orders/{order_id}/actions", response_model=Actions)
async def get_actions(
    order_id: PathId,
    cell: TheCell,
    caller: MayLook,
    seller: Annotated[
        str | None, Query(description="The seller that a change of seller is tried with.")
    ] = None,
) -> Response:
    """Each command with whether it is allowed now, and if not, the refusal it would get.

    A command that the caller's key has no resource for is refused as it would be.
    """
    ledger = cell.ledger
    order = await ledger.order(caller.account, order_id)
    account, context = await ledger.account(caller.account), await ledger.decision_context(order)
    found = await commands(cell, account, order, context, seller)
    fields = [await _tried(one, order, context, caller) for one in found]
    status = None if order.status is None else str(order.status)
    return json_response({"orderId": order.order_id, "status": status, "actions": fields})


async def _tried(
    command: Command, order: Order, context: DecisionContext, caller: Caller
) -> dict[str, Any]:
    events, refusal = list[str](), None
    needed = OPERATIONS[command.operation]
    try:
        if not caller.resources & needed:
            raise forbidden(needed)
        recorded = with_payment_requests(order, command.decision(order, context), context)
        await command.check()
        events = [stored_name(type(event)) for event in recorded]
    except (Refusal, ApiError) as no:
        refusal = {"status": no.status, "code": no.code, "message": no.message}
    return {
        "command": command.name,
        "method": command.method,
        "path": command.path,
        "body": command.body,
        "allowed": refusal is None,
        "wouldRecord": events,
        "refusal": refusal,
    }
