"""Orders of connectors: put in a queue, processed in their order, their results sent."""

import asyncio
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.accounts.affiliates import require_affiliate_id
from oms_ledger.accounts.refusals import InvalidAffiliate
from oms_ledger.api.auth.dependencies import Caller, TheCell, other_party, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import ApiError
from oms_ledger.api.marketplace.fulfillment import affiliate_of
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.http_client.addresses import wrong_url
from oms_ledger.notifications.webhook import instant_text
from oms_ledger.orders.marketplace.integration_form import (
    problems_of_order,
    problems_of_status,
    status_of,
)
from oms_ledger.orders.marketplace.integration_results import (
    APPROVE,
    ENQUEUED,
    FORM,
    PLACE,
    UNKNOWN_FLOW,
    envelope,
    error,
)
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.services import signals
from oms_ledger.services.marketplace import registers
from projections.accounts.affiliates import Affiliate
from projections.outbox import integration, messages
from projections.outbox.integration import Operation
from projections.outbox.messages import StoredMessage

router = APIRouter(tags=["Marketplaces and sellers"])
MayIntegrate = Annotated[Caller, Depends(requires("integrate_orders"))]

_SOURCE = "Order Integration"


@router.post("/api/order-integration/orders")
async def post_integration(request: Request, cell: TheCell, caller: MayIntegrate) -> Response:
    """Put an order in the queue; the result is sent to the connector's endpoint."""
    body = await json_body(request)
    found = problems_of_order(body)
    known = await registers.registered_affiliates(cell, caller.account)
    affiliate = _affiliate(request, caller, body, known, found)
    endpoint = _endpoint(cell, caller, body, affiliate, known, found)
    if not endpoint:
        found.append("connectorEndpoint: found nothing, expected an https address")
    flow = PLACE if status_of(body) else UNKNOWN_FLOW
    if found or affiliate is None:
        return _wrong(body, caller, flow, found)
    operation = _operation(request, caller, body, affiliate, endpoint, PLACE)
    await _enqueued(cell, operation)
    return json_response(envelope(ENQUEUED, PLACE, account=caller.account))


@router.put("/api/order-integration/orders/status")
async def put_status(request: Request, cell: TheCell, caller: MayIntegrate) -> Response:
    """Put in the queue that the marketplace has the order approved."""
    body = await json_body(request)
    found = problems_of_status(body)
    known = await registers.registered_affiliates(cell, caller.account)
    flow = APPROVE if status_of(body) else UNKNOWN_FLOW
    affiliate = None
    if not found:
        affiliate = await _affiliate_of_order(cell, request, caller, body, known)
    endpoint = _endpoint(cell, caller, body, affiliate, known, found)
    if found:
        return _wrong(body, caller, flow, found)
    operation = _operation(request, caller, body, affiliate or "", endpoint, APPROVE)
    await _enqueued(cell, operation)
    named = body["marketplaceOrderId"]
    return json_response(envelope(ENQUEUED, APPROVE, marketplace_order_id=named))


def _operation(
    request: Request,
    caller: Caller,
    body: dict[str, Any],
    affiliate: str,
    endpoint: str | None,
    flow: str,
) -> Operation:
    channel = request.query_params.get("sc")
    return Operation(
        _operation_id(request),
        caller.account,
        affiliate,
        body["marketplaceOrderId"],
        flow,
        status_of(body) or "",
        endpoint,
        {**body, "salesChannel": channel} if flow == PLACE else None,
    )


def _operation_id(request: Request) -> str:
    """The request's own id where that is a UUID, so that its header names the operation."""
    given = str(request.scope["state"]["request_id"])
    try:
        return str(uuid.UUID(given))
    except ValueError:
        new = str(uuid.uuid4())
        request.scope["state"]["request_id"] = new
        return new


async def _enqueued(cell: Cell, operation: Operation) -> None:
    now = cell.clock.micros()
    await cell.write(integration.enqueue, operation, cell.encryption, now)
    await asyncio.to_thread(signals.signal, cell.redis, [messages.SUBSCRIPTION])


def _wrong(body: Any, caller: Caller, flow: str, found: list[str]) -> Response:
    named = body.get("marketplaceOrderId") if isinstance(body, dict) else None
    answer = envelope(
        FORM,
        flow,
        marketplace_order_id=named if isinstance(named, str) else None,
        account=caller.account,
        errors=[error(_SOURCE, FORM, sentence) for sentence in found],
    )
    return json_response(answer, 400)


def _of_connector(body: Any, known: list[Affiliate]) -> list[str]:
    """The affiliates with the name of the connector."""
    name = body.get("connectorName") if isinstance(body, dict) else None
    return [one.id for one in known if name and one.connector_name == name]


def _require_own_connector(caller: Caller, body: Any, known: list[Affiliate]) -> None:
    """Refuse a connector that is another than that of the key's affiliate."""
    if caller.party is None or not isinstance(body, dict):
        return
    name = body.get("connectorName")
    own = next((one.connector_name for one in known if one.id == caller.party.id), None)
    if isinstance(name, str) and own is not None and name != own:
        raise other_party(caller.party, f"connectorName {name[:40]!r}")


def _affiliate(
    request: Request, caller: Caller, body: Any, known: list[Affiliate], found: list[str]
) -> str | None:
    """The affiliate of an order: named, of the key, or the one with the connector's name."""
    _require_own_connector(caller, body, known)
    if named := affiliate_of(request, caller):
        try:
            require_affiliate_id(named)
        except InvalidAffiliate as refusal:
            found.append(f"affiliateId: {refusal.message}")
            return None
        return named
    ids = _of_connector(body, known)
    if len(ids) != 1:
        found.append(f"affiliateId: found none, and {len(ids)} affiliates with this connectorName")
        return None
    return ids[0]


async def _affiliate_of_order(
    cell: Cell, request: Request, caller: Caller, body: dict[str, Any], known: list[Affiliate]
) -> str | None:
    """The affiliate of an order that is there; the order says it where nothing else does."""
    _require_own_connector(caller, body, known)
    if named := affiliate_of(request, caller):
        return named
    ids = _of_connector(body, known)
    if len(ids) == 1:
        return ids[0]
    having = []
    for one in ids or [one.id for one in known]:
        try:
            order_id = f"{one}-{body['marketplaceOrderId'].strip()}"
            order = await cell.ledger.order(caller.account, order_id)
        except OrderNotFound:
            continue
        having.append(order.placed.affiliate_id)
    return having[0] if len(having) == 1 else None


def _endpoint(
    cell: Cell,
    caller: Caller,
    body: Any,
    affiliate: str | None,
    known: list[Affiliate],
    found: list[str],
) -> str | None:
    """Where results are sent: as the body says, else as the register does."""
    given = body.get("connectorEndpoint") if isinstance(body, dict) else None
    if isinstance(given, str) and given.strip():
        endpoint: str | None = given.strip()
    else:
        endpoint = next((one.connector_endpoint for one in known if one.id == affiliate), None)
    if endpoint is None:
        return None
    if refusal := wrong_url(endpoint, cell.settings.networks_of(caller.account)):
        found.append(f"connectorEndpoint: {refusal}")
    return endpoint


@router.get("/api/ledger/order-integration/{operation_id}")
async def get_operation(operation_id: PathId, cell: TheCell, caller: MayIntegrate) -> Response:
    """An operation of the queue: its state, its results, and how they are sent."""
    message = await cell.read(integration.get, caller.account, operation_id)
    operation = integration.operation_of(message, cell.encryption) if message else None
    party = caller.party
    if message is None or operation is None or (party and party.id != operation.affiliate):
        raise ApiError(404, "OMS404", f"There is no operation {operation_id[:60]}")
    answer = await cell.read(integration.notifications_of, message)
    ids = [message.id, *(one.id for one in answer)]
    attempts = await cell.read(messages.attempts_of, ids)

    def serialize(one: StoredMessage) -> dict[str, Any]:
        history = [
            {
                "at": instant_text(attempt.at),
                "status": attempt.status,
                "milliseconds": attempt.duration // 1000,
                "answer": (attempt.outcome or "").partition("\n")[0] or None,
            }
            for attempt in attempts[one.id]
        ]
        return {"state": one.state, "attempts": one.attempts, "history": history}

    return json_response(
        {
            "operationId": operation.id,
            "flow": operation.flow,
            "affiliateId": operation.affiliate,
            "marketplaceOrderId": operation.marketplace_order_id,
            **serialize(message),
            "results": list(operation.results),
            "notifications": [serialize(one) for one in answer],
        }
    )
