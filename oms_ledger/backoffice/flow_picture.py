"""The way of an order through its flow: stages passed, the present one, those ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from oms_ledger.orders.status import Status as S

Stage = tuple[str, frozenset[S]]


def _stage(name: str, *statuses: S) -> Stage:
    return name, frozenset(statuses)


_PLACED = _stage(
    "Placed",
    S.ORDER_CREATED,
    S.ON_ORDER_COMPLETED,
    S.ORDER_CREATION_ERROR,
    S.WAITING_FOR_ORDER_AUTHORIZATION,
    S.WAITING_FOR_AUTHORIZATION,
)
_PAYMENT = _stage("Payment", S.PAYMENT_PENDING, S.WAITING_FOR_MKT_AUTHORIZATION)
_APPROVED = _stage("Approved", S.APPROVE_PAYMENT, S.PAYMENT_APPROVED)
_WINDOW = _stage("Window", S.AUTHORIZE_FULFILLMENT, S.WINDOW_TO_CANCEL)
_READY = _stage("Ready", S.READY_FOR_HANDLING)
_HANDLING = _stage(
    "Handling",
    S.START_HANDLING,
    S.HANDLING,
    S.WAITING_FOR_FULFILLMENT,
    S.READY_FOR_INVOICING,
)
_INVOICED = _stage("Invoiced", S.INVOICE, S.INVOICE_AFTER_CANCELLATION_DENY, S.INVOICED)
_ACCEPTED = _stage("Accepted", S.ORDER_ACCEPTED, S.ON_ORDER_COMPLETED_FFM)
_AUTHORIZATION = _stage(
    "Authorization", S.WAITING_FOR_MANUAL_AUTHORIZATION, S.WAITING_FFMT_AUTHORIZATION
)
_SELLER = _stage("Seller handling", S.WAITING_SELLER_HANDLING)

STAGES: dict[str, tuple[Stage, ...]] = {
    "complete": (_PLACED, _PAYMENT, _APPROVED, _WINDOW, _READY, _HANDLING, _INVOICED),
    "marketplace": (_PLACED, _PAYMENT, _APPROVED, _INVOICED),
    "seller": (_ACCEPTED, _AUTHORIZATION, _WINDOW, _READY, _HANDLING, _INVOICED),
    "chain": (_PLACED, _PAYMENT, _APPROVED, _SELLER, _INVOICED),
}
SIDE_ROADS = frozenset(
    {
        S.CANCELLATION_REQUESTED,
        S.REQUEST_CANCEL,
        S.WAITING_FOR_SELLER_DECISION,
        S.CANCELLATION_REQUEST_DENIED,
        S.CANCELLATION_REQUEST_DENIED_FFM,
        S.WINDOW_TO_CHANGE_SELLER,
    }
)
ENDED = frozenset({S.CANCEL, S.CANCELED, S.REPLACED})
# Events that are shown as a line below the stages, though no stage is theirs.
SIDE_EVENTS = frozenset(
    {
        *("cancellation-requested", "cancellation-denied", "cancellation-request-dropped"),
        *("cancellation-started", "seller-changed", "seller-proposed", "seller-canceled"),
        *("change-requested", "change-applied", "change-canceled", "change-withdrawn"),
        *("manual-authorization-awaited", "person-erased"),
    }
)


@dataclass(slots=True)
class Stop:
    """A stage as it is drawn; `state` is `done`, `now`, `ahead` or `ended`."""

    name: str
    state: str
    at: str | None = None
    rested: float | None = None


def stops(flow: str, events: Sequence[dict[str, Any]], status: str | None) -> list[Stop]:
    """The stages of a flow after these events, oldest first."""
    entered: dict[str, str] = {}
    present: str | None = None
    stages = STAGES.get(flow, STAGES["complete"])
    for event in events:
        moved = event["status"] != event["statusBefore"]
        name = _stage_of(stages, event["status"]) if moved else None
        if name:
            entered.setdefault(name, event["at"])
            present = name
    ended = status in ENDED
    made, passed = [], True
    for name, _ in stages:
        if name == present:
            state, passed = ("done" if ended else "now"), False
        else:
            state = "done" if passed and present else "ahead"
        made.append(Stop(name, state, entered.get(name)))
    if status == S.INVOICED:
        made[-1].state = "now"
    if ended:
        made = [stop for stop in made if stop.state == "done"]
        made.append(Stop("Canceled", "ended", events[-1]["at"] if events else None))
    return made


def _stage_of(stages: Sequence[Stage], status: str | None) -> str | None:
    """The name of the stage that a status belongs to; None beside the flow."""
    return next((name for name, statuses in stages if status in statuses), None)


def side_roads(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events beside the stages, oldest first."""
    return [event for event in events if event["name"] in SIDE_EVENTS]
