"""Changes of an order that a seller outside the deployment delivers: agreed with it over HTTP.

It gets the request by the published path for changes, `PATCH
{seller}/order-system/orders/{id}/changes`, with its id beside what was requested, and learns by
`send-agreement` that we know of it and, once the payment was adjusted, that we confirm it. It
answers in its own time by `send-agreement`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from oms_ledger.cell import Cell
from oms_ledger.http_client.partner_client import Endpoint, PartnerAnswer, segment
from oms_ledger.orders.changes.outbox import (
    CANCEL_EXTERNAL,
    CONFIRM_EXTERNAL,
    REQUEST_EXTERNAL,
)
from oms_ledger.orders.changes.refusals import ParticipantUnreachable
from oms_ledger.orders.changes.state import CANCELED, ChangeRequest
from oms_ledger.orders.changes.v2 import ACKNOWLEDGMENT, CONFIRMATION, known
from oms_ledger.orders.events import Json
from oms_ledger.orders.marketplace.levels import seller_order_id_of
from oms_ledger.orders.order import Order
from oms_ledger.services.changes.agreements import failed
from oms_ledger.services.marketplace.counterpart import Done, PartnerOutcome, Refused, Unknown
from oms_ledger.services.marketplace.exchange import ask, outcome_of
from oms_ledger.services.marketplace.outbox import open_outcome
from oms_ledger.services.marketplace.register import seller_terms
from oms_ledger.services.outbox.outcomes import PermanentFailure
from projections.outbox.messages import StoredMessage

log = structlog.get_logger(__name__)

_UNKNOWN_THERE = frozenset({404, 410})


async def request_external_agreement(cell: Cell, message: StoredMessage) -> None:
    """Ask, and acknowledge; what the seller thinks of it comes by `send-agreement`."""
    order = await cell.ledger.order(message.account, message.order_id)
    request = known(order, message.body["requestId"])
    if request is None or not request.in_progress or request.aborted:
        return
    if message.other in request.acknowledged:
        return
    outcome = await _send(
        cell, message, order, "PATCH", _CHANGES, agreement_request(order, request)
    )
    if isinstance(outcome, Done):
        outcome = await _agree(cell, message, order, request, ACKNOWLEDGMENT)
    await _require(cell, message, request, outcome)


async def confirm_external_agreement(cell: Cell, message: StoredMessage) -> None:
    """Say that the payment was adjusted: the seller confirms next, and then the order changes."""
    order = await cell.ledger.order(message.account, message.order_id)
    request = known(order, message.body["requestId"])
    if request is None or request.ended == CANCELED or request.aborted:
        return
    outcome = await _agree(cell, message, order, request, CONFIRMATION)
    await _require(cell, message, request, outcome)


async def cancel_external_agreement(cell: Cell, message: StoredMessage) -> None:
    """The request ended without effect; a seller that never knew of it has nothing to end."""
    order = await cell.ledger.order(message.account, message.order_id)
    request_id = message.body["requestId"]
    path = f"{_CHANGES}/{segment(request_id)}/cancel"
    match await _send(cell, message, order, "POST", path, {"requestId": request_id}):
        case Refused(reason, status) if status not in _UNKNOWN_THERE:
            raise PermanentFailure(f"{message.other} refuses: {reason}")
        case Unknown() as outcome:
            raise open_outcome(outcome)


async def _agree(
    cell: Cell, message: StoredMessage, order: Order, request: ChangeRequest, agreement: str
) -> PartnerOutcome:
    path = f"{_PARTICIPANT}/changes/{segment(request.id)}/send-agreement"
    body = {"agreementType": agreement}
    return await _send(cell, message, order, "POST", path, body, accountName=order.account)


_CHANGES = "/order-system/orders/{order}/changes"
_PARTICIPANT = "/pvt/orders/{order}"


async def _send(
    cell: Cell,
    message: StoredMessage,
    order: Order,
    method: str,
    path: str,
    body: Json,
    **parameters: str,
) -> PartnerOutcome:
    terms = await seller_terms(cell, message.account, message.other)
    if terms is None:
        return Unknown(f"The register does not say where {message.other} is reached", answered=None)
    there = path.replace("{order}", segment(seller_order_id_of(order)))
    endpoint: Endpoint = terms.changes.path(there, **parameters)
    answer: PartnerAnswer = await ask(cell, message.account, message.id, method, endpoint, body)
    return outcome_of(answer)


async def _require(
    cell: Cell, message: StoredMessage, request: ChangeRequest, outcome: PartnerOutcome
) -> None:
    """Note on the request what went wrong; one that goes on is tried again."""
    if isinstance(outcome, Done):
        return
    refused = isinstance(outcome, Refused)
    why = outcome.reason if isinstance(outcome, Refused) else outcome.why
    log.warning("external_seller_skipped", seller=message.other, request=request.id, why=why)
    answered = isinstance(outcome, Refused) or outcome.answered is not False
    unreachable = ParticipantUnreachable()
    await failed(cell, message, request, unreachable, final=refused, answered=answered)


def agreement_request(order: Order, request: ChangeRequest) -> dict[str, Any]:
    """The body of the published path for changes: whose request it is, what is requested."""
    requested = request.requested
    return {
        "requestId": request.id,
        "agreementType": ACKNOWLEDGMENT,
        "accountName": order.account,
        "orderId": order.order_id,
        "reason": requested.reason,
        "manualDiscountValue": requested.manual_discount,
        "manualIncrementValue": requested.manual_increment,
        **{name: requested.operations.get(name) for name in ("add", "remove", "replace")},
        "settings": requested.settings,
    }


HANDLERS: dict[str, Callable[[Cell, StoredMessage], Awaitable[None]]] = {
    REQUEST_EXTERNAL: request_external_agreement,
    CONFIRM_EXTERNAL: confirm_external_agreement,
    CANCEL_EXTERNAL: cancel_external_agreement,
}
