"""How far an order has come: its cancellation, its receipts, the steps of its workflow."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2s
from itertools import pairwise
from typing import Any

from oms_ledger.orders.order import Order
from oms_ledger.orders.status import ENDS, Status, label

Fields = dict[str, Any]

_LOGICAL: dict[str, tuple[Status, ...]] = {
    "creating": (
        Status.ORDER_CREATED,
        Status.ORDER_ACCEPTED,
        Status.ORDER_CREATION_ERROR,
        Status.ON_ORDER_COMPLETED,
        Status.ON_ORDER_COMPLETED_FFM,
        Status.WAITING_FOR_ORDER_AUTHORIZATION,
        Status.WAITING_FOR_AUTHORIZATION,
    ),
    "approving-transaction": (
        Status.PAYMENT_PENDING,
        Status.WAITING_FOR_MKT_AUTHORIZATION,
        Status.APPROVE_PAYMENT,
    ),
    "authorizing": (
        Status.PAYMENT_APPROVED,
        Status.WAITING_SELLER_HANDLING,
        Status.WAITING_FOR_MANUAL_AUTHORIZATION,
        Status.WAITING_FFMT_AUTHORIZATION,
        Status.AUTHORIZE_FULFILLMENT,
        Status.WINDOW_TO_CANCEL,
        Status.WINDOW_TO_CHANGE_SELLER,
    ),
    "handling": (
        Status.READY_FOR_HANDLING,
        Status.START_HANDLING,
        Status.HANDLING,
        Status.WAITING_FOR_FULFILLMENT,
        Status.READY_FOR_INVOICING,
    ),
    "invoice": (Status.INVOICE, Status.INVOICE_AFTER_CANCELLATION_DENY),
    "invoiced": (Status.INVOICED,),
    "accepting-cancel": (
        Status.REQUEST_CANCEL,
        Status.WAITING_FOR_SELLER_DECISION,
        Status.CANCELLATION_REQUESTED,
        Status.CANCELLATION_REQUEST_DENIED,
        Status.CANCELLATION_REQUEST_DENIED_FFM,
    ),
    "canceling": (Status.CANCEL,),
    "canceled": (Status.CANCELED,),
    "replaced": (Status.REPLACED,),
}
_PARENT = {status: step for step, statuses in _LOGICAL.items() for status in statuses}

# Causes that came by a cancel call; a timer or a gateway makes none.
_CALLERS = frozenset({"user", "store", "seller-notification"})

_USUAL = ("creating", "approving-transaction", "authorizing", "handling", "invoice", "invoiced")


def _next_step(name: str, **more: Any) -> Fields:
    return {"name": name, "next": None, "systemWillMove": True, "actionsAllowed": None, **more}


def _steps() -> list[Fields]:
    cancel = _next_step("canceling", actionsAllowed={"type": "cancel"})
    return [
        {
            "name": name,
            "next": [_next_step(after, expectFlow=True), cancel],
            "systemWillMove": False,
            "actionsAllowed": None,
            "start": name == "creating",
        }
        for name, after in pairwise(_USUAL)
    ]


STEPS = _steps()


def cancellation_data(order: Order) -> Fields | None:
    """Who requested it first, why and when. Causes that are not known to hold are left out."""
    started = order.cancellation
    if started is None:
        if not order.expired:
            return None
        return {"requestedBySystem": True, "reason": None, "cancellationDate": order.changed_at}
    causes = {
        "user": "requestedByUser",
        "system": "requestedBySystem",
        "seller-notification": "requestedBySellerNotification",
        "payment-notification": "requestedByPaymentNotification",
    }
    content = (_came_canceled(order) and order.placed.details.get("cancellationData")) or {}
    at = content.get("cancellationDate") or order.canceled_at
    data: Fields = {"reason": started.reason, "cancellationDate": at}
    if started.by in causes:
        data[causes[started.by]] = True
    return {**data, **content}


def cancellation_requests(order: Order, content: Sequence[Fields]) -> list[Fields]:
    """One per accepted call, denied or not; also the call that carried the cancellation out.

    An order that came canceled has those that came with it.
    """
    requests = list(content)
    for request in order.requests:
        requests.append(
            {
                "id": request.id,
                "reason": request.reason,
                "cancellationRequestDate": request.at,
                "requestedByUser": request.requested_by_user,
                "deniedBySeller": request.denied_at is not None,
                "deniedBySellerReason": request.denial_reason,
                "cancellationRequestDenyDate": request.denied_at,
            }
        )
    started = order.cancellation
    if started is None or started.by not in _CALLERS or _came_canceled(order):
        return requests
    if all(request.get("id") != started.receipt for request in requests):
        first = not order.requests  # then what was called is the cause itself
        requests.append(
            {
                "id": started.receipt,
                "reason": started.reason if first else started.call_reason,
                "cancellationRequestDate": order.canceled_at,
                "requestedByUser": started.by == "user" if first else started.called_by_user,
            }
        )
    return requests


def _came_canceled(order: Order) -> bool:
    """Whether the order was canceled where it lived before it was imported."""
    first = order.timeline[0][0] if order.timeline else None
    return order.imported and first in (Status.CANCEL, Status.CANCELED, None)


def _tells(order: Order, name: str) -> bool:
    """Whether the document of an imported order said something of it, be it null."""
    return order.imported and name in order.placed.details


def receipt_data(order: Order) -> Fields | None:
    """The receipts that the order came with, and one per fact since."""
    content = order.placed.details.get("receiptData")
    if content is None and _tells(order, "receiptData") and not order.receipts:
        return None
    before = list((content or {}).get("receiptCollection") or [])
    since = [{"receiptType": kind, "date": at} for kind, _, at in order.receipts]
    return {**(content or {}), "receiptCollection": before + since}


def workflow_data(order: Order) -> Any:
    """The checkout part and the fulfillment part, each with the statuses it went through.

    Of an imported order those that its document given, and what happened since.
    """
    content = order.placed.details.get("workflowData") if order.imported else None
    if content is not None or (_tells(order, "workflowData") and len(order.timeline) < 2):
        return _continued(order, content)
    timeline = list(order.timeline)
    if order.flow != "complete":
        parts = [("Fulfillment" if order.flow == "seller" else "Marketplace", timeline)]
    else:
        statuses = [status for status, _ in timeline]
        turn = len(timeline)
        if Status.AUTHORIZE_FULFILLMENT in statuses:
            turn = statuses.index(Status.AUTHORIZE_FULFILLMENT)
        parts = [("Marketplace", timeline[:turn]), ("Fulfillment", timeline[turn:])]
    instances = [_instance(order, name, steps) for name, steps in parts if steps]
    return {"instances": instances, "mainFlowIndex": max(len(instances) - 1, 0)}


def _continued(order: Order, content: Any) -> Any:
    """The workflow as it was imported, and the steps that the order took here after it."""
    since = list(order.timeline[1:])
    instances = content.get("instances") if isinstance(content, dict) else None
    if not since or not isinstance(instances, list) or not instances:
        return content
    last = instances[-1]
    if not isinstance(last, dict):
        return content
    ours = _instance(order, str(last.get("name") or ""), since)
    grown = {
        **last,
        **{name: ours[name] for name in ours if name.startswith("current")},
        "lastChange": ours["lastChange"],
        **{name: [*(last.get(name) or ()), *ours[name]] for name in ("timeLine", "logicTimeLine")},
        "steps": last.get("steps") if ours["steps"] else [],
    }
    return {**content, "instances": [*instances[:-1], grown]}


def _instance(order: Order, name: str, timeline: list[tuple[Status, datetime]]) -> Fields:
    logical: dict[str, datetime] = {}
    for status, at in timeline:
        logical.setdefault(_PARENT[status], at)
    current, changed = timeline[-1]
    return {
        "id": _instance_id(order, name),
        "name": name,
        "currentStepName": current.value,
        "currentStepDescription": label(current, "en"),
        "lastChange": changed,
        "creationDate": order.created_at if order.imported else timeline[0][1],
        "timeLine": [
            {"stepName": status.value, "date": at, "parentStepName": _PARENT[status]}
            for status, at in timeline
        ],
        "logicTimeLine": [{"stepName": step, "date": at} for step, at in logical.items()],
        "steps": STEPS if current not in ENDS else [],
        "currentLogicalStep": _PARENT[current],
    }


def _instance_id(order: Order, name: str) -> str:
    digits = blake2s(f"{name}/{order.order_id}".encode(), digest_size=16).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
