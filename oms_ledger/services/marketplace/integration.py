"""Operations of connectors' queues: processed one after another for each order, results sent.

What an operation did is known by its id, the cause of what it recorded: processed again, it has
the result that it had.
"""

import asyncio
import hashlib
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import NOT_NOW
from oms_ledger.eventstore.records import order_stream
from oms_ledger.http_client.partner_client import Endpoint
from oms_ledger.orders.marketplace.as_seller import authorize_fulfillment
from oms_ledger.orders.marketplace.integration_form import APPROVED, to_placement
from oms_ledger.orders.marketplace.integration_results import (
    ACCEPTED,
    APPROVE,
    BROKEN,
    DEFECT,
    DUPLICATE,
    INTEGRATED,
    NOT_APPROVABLE,
    NOT_INTEGRATED,
    PLACE,
    TIMED_OUT,
    code_of,
    envelope,
    error,
    source_of,
)
from oms_ledger.orders.marketplace.levels import seller_order_id_of
from oms_ledger.orders.marketplace.split import chain_id
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import (
    Busy,
    OffersBroken,
    OffersSilent,
    OrderIsCanceled,
    OrderNotFound,
)
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal
from oms_ledger.services.customers.identity import body_with_identity
from oms_ledger.services.marketplace.exchange import ask, said
from oms_ledger.services.marketplace.franchises import placed_as
from oms_ledger.services.marketplace.reception import Reception, receive_orders
from oms_ledger.services.offers.sources import OfferSources
from oms_ledger.services.outbox.outcomes import Delivered, Outcome, RetryLater, Unanswered
from projections.outbox import integration
from projections.outbox.integration import Operation
from projections.outbox.messages import StoredMessage

TRIES = 3
RESULT_PATH = "/order-integration/notification/processing-result"

log = structlog.get_logger(__name__)


async def process(cell: Cell, message: StoredMessage) -> Outcome:
    """Carry out an operation, and have its results sent."""
    operation = integration.operation_of(message, cell.encryption)
    try:
        results = await _results(cell, operation)
    except Busy as wait:
        return RetryLater(wait.message, answered=None)
    except OffersSilent as silent:
        if message.attempts + 1 < TRIES:
            return RetryLater(silent.message, answered=None)
        code = BROKEN if isinstance(silent, OffersBroken) else TIMED_OUT
        results = [_refused(operation, PLACE, code, silent.code, silent.message)]
    except NOT_NOW:
        raise
    except Exception:
        if message.attempts + 1 < TRIES:
            raise
        log.exception("integration_failed", operation=operation.id)
        results = [_refused(operation, operation.flow, DEFECT, DEFECT, "")]
    notifications = []
    if operation.endpoint:
        for number, result in enumerate(results):
            content = {"endpoint": operation.endpoint, "envelope": result}
            message_id = hashlib.sha256(f"{operation.id}/{number}".encode()).hexdigest()[:32]
            notifications.append(
                (message_id, integration.seal(content, cell.encryption, message_id))
            )
    done = replace(operation, body=None, results=tuple(results))
    now = cell.clock.micros()
    await cell.write(integration.conclude, message, done, notifications, cell.encryption, now)
    return Delivered()


async def _results(cell: Cell, operation: Operation) -> list[dict[str, Any]]:
    if operation.flow == PLACE:
        placed, order = await _place(cell, operation)
        if order is None or operation.status != APPROVED:
            return [placed]
        return [placed, await _approve(cell, operation)]
    if operation.status == APPROVED:
        return [await _approve(cell, operation)]
    try:
        order = await _known(cell, operation)
    except OrderNotFound:
        return [_refused(operation, APPROVE, NOT_INTEGRATED, NOT_INTEGRATED, "")]
    return [_done(operation, PLACE, INTEGRATED, order)]


async def _known(cell: Cell, operation: Operation) -> Order:
    """The order that an operation is about: the account's own, or the one of a franchise."""
    named = {"marketplaceOrderId": operation.marketplace_order_id}
    for one in (operation.marketplace_order_id, chain_id(named)):
        if order := await placed_as(cell, operation.account, operation.affiliate, one):
            return order
    raise OrderNotFound()


def _context(operation: Operation) -> CommandContext:
    return CommandContext(
        operation.account, f"affiliate:{operation.affiliate}", f"integration:{operation.id}"
    )


async def _place(cell: Cell, operation: Operation) -> tuple[dict[str, Any], Order | None]:
    """The result of placing an order, and the order if this operation placed it."""
    assert operation.body is not None
    body = to_placement(operation.body, operation.endpoint or "")
    body = body_with_identity(cell.encryption, operation.account, body, vouched=True)
    try:
        reception = await _received(cell, operation, body)
    except (Busy, OffersSilent):
        raise
    except Refusal as refusal:
        code = code_of(refusal.code, refusal.message)
        order = await _known(cell, operation) if code == DUPLICATE else None
        if order is None or not await _placed_here(cell, operation, order):
            refused = _refused(operation, PLACE, code, refusal.code, refusal.message)
            return refused, None
        return _done(operation, PLACE, INTEGRATED, order), order
    (order,) = reception.orders
    if order.order_id not in reception.new and not await _placed_here(cell, operation, order):
        duplicated = f"The order {order.order_id} was there before"
        return _refused(operation, PLACE, DUPLICATE, "FMT009", duplicated), None
    if order.flow == "chain" and order.status is Status.WAITING_FOR_AUTHORIZATION:
        raise Busy(order.status)  # sent once the seller order is placed
    return _done(operation, PLACE, INTEGRATED, order), order


async def _received(cell: Cell, operation: Operation, body: dict[str, Any]) -> Reception:
    channel = str((operation.body or {}).get("salesChannel") or "1")
    offers = OfferSources(cell)
    try:
        return await receive_orders(
            cell, _context(operation), operation.affiliate, [body], offers, sales_channel=channel
        )
    finally:
        offers.close()


async def _placed_here(cell: Cell, operation: Operation, order: Order) -> bool:
    """Whether the order is there because of this operation, which was processed before."""
    stream = order_stream(operation.account, order.order_id)
    rows = await asyncio.to_thread(cell.store.stream, stream)
    return bool(rows) and rows[0].cause == _context(operation).cause


async def _approve(cell: Cell, operation: Operation) -> dict[str, Any]:
    try:
        known = await _known(cell, operation)
        order = await cell.ledger.change(
            _context(operation), known.order_id, partial(authorize_fulfillment)
        )
    except OrderNotFound as refusal:
        return _refused(operation, APPROVE, NOT_INTEGRATED, NOT_INTEGRATED, refusal.message)
    except OrderIsCanceled as refusal:
        return _refused(operation, APPROVE, NOT_APPROVABLE, refusal.code, refusal.message)
    except Busy:
        raise
    except Refusal as refusal:
        code = code_of(refusal.code, refusal.message)
        return _refused(operation, APPROVE, code, refusal.code, refusal.message)
    return _done(operation, APPROVE, ACCEPTED, order)


def _done(operation: Operation, flow: str, code: str, order: Order) -> dict[str, Any]:
    return envelope(
        code,
        flow,
        marketplace_order_id=operation.marketplace_order_id,
        account=operation.account,
        operation_id=operation.id,
        order_id=order.order_id,
        franchise_order_id=seller_order_id_of(order) if order.flow == "chain" else None,
    )


def _refused(
    operation: Operation, flow: str, code: str, inner: str, message: str
) -> dict[str, Any]:
    result = envelope(
        code,
        flow,
        marketplace_order_id=operation.marketplace_order_id,
        account=operation.account,
        operation_id=operation.id,
    )
    described = error(source_of(inner), inner, message or str(result["message"]))
    return {**result, "errors": [described]}


async def tell(cell: Cell, message: StoredMessage) -> Outcome:
    """Send a connector a result; after anything but a success it is sent again."""
    content = await asyncio.to_thread(integration.opened, message, cell.encryption)
    endpoint = Endpoint(content["endpoint"]).path(RESULT_PATH, an=message.account)
    answer = await ask(cell, message.account, message.id, "POST", endpoint, content["envelope"])
    if answer.well:
        return Delivered(answer.status)
    if answer.status is None or answer.status >= 500:
        return Unanswered(said(answer), answer.retry_after, status=answer.status)
    return RetryLater(said(answer), answer.retry_after, status=answer.status)
