"""Modifications: what v1 noted beside the items, how far a v2 request came, what it changed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.changes.payments import after_adjustment
from oms_ledger.orders.changes.state import (
    CANCELED,
    DONE,
    TRIES,
    Before,
    ChangeRequest,
    Log,
    Preparation,
    RegisteredChange,
)
from oms_ledger.orders.order import Order

CHANGED = "changeOrder"


def _registered(order: Order, event: events.ChangeRegistered, at: datetime) -> Order:
    net = event.increment_value - event.discount_value
    totals = order.totals
    known = {total.id for total in totals}
    if "Change" not in known:
        totals = (*totals, events.Total("Change", 0))
    return replace(
        order,
        totals=tuple(
            replace(total, value=total.value + net) if total.id == "Change" else total
            for total in totals
        ),
        payments=after_adjustment(order.payments, event.paid),
        registered_changes=(*order.registered_changes, RegisteredChange(event, at)),
        preparations=tuple(
            replace(one, registered=True)
            if one.open and one.requested.request_id == event.request_id
            else one
            for one in order.preparations
        ),
        receipts=(*order.receipts, (CHANGED, event.receipt, at)),
    )


def _prepared(order: Order, event: events.ChangePrepared, at: datetime) -> Order:
    return replace(order, preparations=(*order.preparations, Preparation(event, at)))


def _abandoned(order: Order, event: events.ChangeAbandoned, at: datetime) -> Order:
    return _preparation_moved(order, event.asked_as, abandoned=event)


def _withdrawn(order: Order, event: events.ChangeWithdrawn, at: datetime) -> Order:
    return _preparation_moved(order, event.asked_as, withdrawn=event)


def _preparation_moved(order: Order, asked_as: str, **moved: Any) -> Order:
    preparations = (
        replace(one, **moved) if one.requested.asked_as == asked_as else one
        for one in order.preparations
    )
    return replace(order, preparations=tuple(preparations))


def _requested(order: Order, event: events.ChangeRequested, at: datetime) -> Order:
    before = Before(order.items, order.totals)
    request = ChangeRequest(
        event, at, before, logs=(Log(at, "validated", "The request was accepted"),)
    )
    return replace(order, change_requests=(*order.change_requests, request))


def _acknowledged(request: ChangeRequest, event: events.ChangeAcknowledged) -> ChangeRequest:
    return replace(
        request, acknowledged=request.acknowledged | {event.participant}, tries=0, error=None
    )


def _wanted(request: ChangeRequest, event: events.ChangePaymentRequested) -> ChangeRequest:
    return replace(request, payment_requested=True)


def _adjusted(request: ChangeRequest, event: events.ChangePaymentAdjusted) -> ChangeRequest:
    return replace(request, paid=event, tries=0, error=None)


def _confirmed(request: ChangeRequest, event: events.ChangeConfirmed) -> ChangeRequest:
    return replace(request, confirmed=request.confirmed | {event.participant}, tries=0, error=None)


def _failed(request: ChangeRequest, event: events.ChangeStepFailed) -> ChangeRequest:
    return replace(
        request,
        tries=TRIES if event.final else request.tries + 1,
        error=event,
        payment_requested=request.payment_requested and not event.final,
        refusals=request.refusals + event.final,
    )


def _retried(request: ChangeRequest, event: events.ChangeRetried) -> ChangeRequest:
    return replace(request, tries=0, error=None)


def _canceled(request: ChangeRequest, event: events.ChangeCanceled) -> ChangeRequest:
    return replace(request, ended=CANCELED, cancellation=event)


def _restored(request: ChangeRequest, event: events.ChangePaymentRestored) -> ChangeRequest:
    return replace(request, restored=True)


def _applied(request: ChangeRequest, event: events.ChangeApplied) -> ChangeRequest:
    return replace(request, ended=DONE, receipt=event.receipt, tries=0, error=None)


_SAYS: Mapping[type, tuple[str, Callable[[Any], str]]] = {
    events.ChangeAcknowledged: (
        "acknowledged",
        lambda event: f"{event.participant or 'The order'} acknowledged the request",
    ),
    events.ChangePaymentRequested: ("payment-asked", lambda _: "The payment gateway is called"),
    events.ChangePaymentAdjusted: (
        "payment-adjusted",
        lambda event: f"The payment was adjusted by {event.value} cents",
    ),
    events.ChangeConfirmed: (
        "confirmed",
        lambda event: f"{event.participant or 'The order'} confirmed the change",
    ),
    events.ChangeApplied: ("applied", lambda _: "The order was changed"),
    events.ChangeStepFailed: ("failed", lambda event: f"{event.step}: {event.message}"),
    events.ChangeRetried: ("retried", lambda _: "The request goes on"),
    events.ChangeCanceled: ("canceled", lambda event: event.reason or "The request was canceled"),
    events.ChangePaymentRestored: ("payment-restored", lambda _: "The payment was set back"),
}


def _step(
    moved: Callable[[ChangeRequest, Any], ChangeRequest],
) -> Callable[[Order, Any, datetime], Order]:
    """Apply the event of a step: the request that it names moves, with a line in its log."""

    def learn(order: Order, event: Any, at: datetime) -> Order:
        step, say = _SAYS[type(event)]
        requests = []
        for request in order.change_requests:
            if request.id == event.request_id:
                was_in_progress = request.in_progress
                request = moved(request, event)
                if was_in_progress and not request.in_progress:
                    request = replace(request, ended_at=at)
                request = replace(request, logs=(*request.logs, Log(at, step, say(event))))
            requests.append(request)
        return replace(order, change_requests=tuple(requests))

    return learn


def _order_changed(order: Order, event: events.ChangeApplied, at: datetime) -> Order:
    request = next(one for one in order.change_requests if one.id == event.request_id)
    requested, placed = request.requested, order.placed
    moved = _step(_applied)(order, event, at)
    return replace(
        moved,
        items=requested.items,
        totals=requested.totals,
        logistics=requested.logistics,
        payments=after_adjustment(order.payments, request.paid.parts if request.paid else ()),
        # Lines may move: units that were invoiced stay those of their line.
        invoices=tuple(
            replace(
                invoice,
                items=tuple(
                    replace(one, unique_id=order.items[line].unique_id)
                    if (line := order.line_of(one)) is not None
                    else one
                    for one in invoice.items
                ),
            )
            for invoice in order.invoices
        ),
        placed=replace(
            placed,
            client_profile={**placed.client_profile, **requested.client_profile},
            custom_data={**placed.custom_data, **requested.custom_data},
        ),
        receipts=(*order.receipts, (CHANGED, event.receipt, at)),
    )


APPLIERS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    events.ChangeRegistered: _registered,
    events.ChangePrepared: _prepared,
    events.ChangeAbandoned: _abandoned,
    events.ChangeWithdrawn: _withdrawn,
    events.ChangeRequested: _requested,
    events.ChangeAcknowledged: _step(_acknowledged),
    events.ChangePaymentRequested: _step(_wanted),
    events.ChangePaymentAdjusted: _step(_adjusted),
    events.ChangeConfirmed: _step(_confirmed),
    events.ChangeApplied: _order_changed,
    events.ChangeStepFailed: _step(_failed),
    events.ChangeRetried: _step(_retried),
    events.ChangeCanceled: _step(_canceled),
    events.ChangePaymentRestored: _step(_restored),
}

# Steps of a change: the order's document changes once, when it is registered or applied.
BESIDE = frozenset(APPLIERS) - {events.ChangeRegistered, events.ChangeApplied}
