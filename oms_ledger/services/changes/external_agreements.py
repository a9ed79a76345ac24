"""Changes of an order that a seller outside the deployment delivers: it is asked over HTTP.

It is asked by the published path for changes, `PATCH {seller}/order-system/orders/{id}/changes`,
with `agreementType` and the request's id beside what was asked, and answers in its own time by
`send-agreement`: first that it knows of the request, then that it made the change.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import orjson
import requests
import structlog

from oms_ledger.cell import Cell
from oms_ledger.http_client.addresses import wrong_url
from oms_ledger.http_client.sessions import EXCHANGES, exchange, session
from oms_ledger.orders.changes.outbox import REQUEST_EXTERNAL
from oms_ledger.orders.changes.refusals import ParticipantUnreachable
from oms_ledger.orders.changes.state import ChangeRequest
from oms_ledger.orders.changes.v2 import ACKNOWLEDGMENT, known
from oms_ledger.orders.marketplace.levels import seller_order_id_of
from oms_ledger.orders.order import Order
from oms_ledger.services.changes.agreements import failed
from projections.accounts import sellers
from projections.accounts.sellers import Seller
from projections.outbox.messages import StoredMessage

log = structlog.get_logger(__name__)

_LATER = {408, 409, 425, 429}


async def request_external_agreement(cell: Cell, message: StoredMessage) -> None:
    """Ask once; what the seller thinks of it comes by `send-agreement`."""
    order = await cell.ledger.order(message.account, message.order_id)
    request = known(order, message.body["requestId"])
    if request is None or not request.in_progress or request.aborted:
        return
    if message.other in request.acknowledged:
        return
    final, why = await asyncio.get_running_loop().run_in_executor(
        EXCHANGES, _asked, cell, message, order, request
    )
    if why is not None:
        log.warning("external_seller_skipped", seller=message.other, request=request.id, why=why)
        await failed(cell, message, request, ParticipantUnreachable(), final=final, answered=final)


def _asked(
    cell: Cell, message: StoredMessage, order: Order, request: ChangeRequest
) -> tuple[bool, str | None]:
    """Whether it is of no use to ask again, and what went wrong; None when it took the request."""
    with cell.database.reading() as connection:
        seller = sellers.seller(connection, message.account, message.other, cell.encryption)
    if seller is None:
        return False, f"nothing says where {message.other} is reached"
    networks = cell.settings.networks_of(message.account)
    if refusal := wrong_url(seller.changes_endpoint, networks):
        return False, refusal
    there = quote(seller_order_id_of(order), safe="")
    try:
        response, _ = exchange(
            session(networks),
            "PATCH",
            f"{seller.changes_endpoint.rstrip('/')}/order-system/orders/{there}/changes",
            data=orjson.dumps(agreement_request(order, request)),
            headers=_headers(seller, message),
        )
    except (requests.RequestException, OSError) as error:
        return False, f"{message.other} did not answer: {type(error).__name__}"
    status = response.status_code
    if 200 <= status < 300:
        return True, None
    return 400 <= status < 500 and status not in _LATER, f"{message.other} answered {status}"


def _headers(seller: Seller, message: StoredMessage) -> dict[str, str]:
    return {
        "X-VTEX-API-AppKey": seller.app_key,
        "X-VTEX-API-AppToken": seller.app_token,
        "Content-Type": "application/json",
        "Idempotency-Key": message.id,
    }


def agreement_request(order: Order, request: ChangeRequest) -> dict[str, Any]:
    """The body of the published path for changes, with whose request it is and what is asked."""
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
    REQUEST_EXTERNAL: request_external_agreement
}
