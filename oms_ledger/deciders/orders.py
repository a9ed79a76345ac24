"""Orders in the ledger."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, get_args

import orjson
import structlog

from oms_ledger.eventstore.decider import Decider, Summary
from oms_ledger.eventstore.records import RecordedEvent, instant, micros
from oms_ledger.eventstore.serialization import EventTypes
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.documents import filter_document, list_row, oms_document
from oms_ledger.orders.documents.derived_fields import derive_fields
from oms_ledger.orders.documents.search_terms import terms_of
from oms_ledger.orders.events import (
    ChangeApplied,
    ChangeRegistered,
    InvoiceCompleted,
    InvoiceIssued,
    OrderEvent,
    OrderImported,
    OrderPlaced,
    PaymentsSubmitted,
    PersonErased,
)
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.reactions import with_payment_requests
from oms_ledger.orders.privacy.parts import PERSONAL_PARTS
from oms_ledger.orders.refusals import InvalidEventContent, OrderNotFound
from oms_ledger.orders.status import Status

log = structlog.get_logger(__name__)

# Events that carry parts of a document as a client sent them.
_FROM_OUTSIDE = (
    ChangeRegistered,
    ChangeApplied,
    OrderPlaced,
    OrderImported,
    PaymentsSubmitted,
    InvoiceIssued,
    InvoiceCompleted,
)
_TYPES = EventTypes(get_args(OrderEvent), {}, {}, PERSONAL_PARTS)
_MEMBERS = {"call_id": "message_id", "party": "recipient"}


def _with_message_names(body: dict[str, Any]) -> dict[str, Any]:
    return {_MEMBERS.get(name, name): value for name, value in body.items()}


# Names that events were stored under before, and what their bodies need to be read by today's.
_ALIASES = {
    "call-failed": "outbox-message-failed",
    "call-resumed": "outbox-message-resumed",
    "call-skipped": "outbox-message-skipped",
    "change-payment-asked": "change-payment-requested",
    "payments-sent": "payments-submitted",
}
_UPCASTERS = {name: _with_message_names for name in ("call-failed", "call-resumed", "call-skipped")}


class OrderDecider(Decider[Order, OrderEvent]):
    """Orders, whose streams are called by account and order id alone."""

    category = "order"
    events = get_args(OrderEvent)
    personal_parts = PERSONAL_PARTS
    erasing = (PersonErased,)
    aliases = _ALIASES
    upcasters = _UPCASTERS

    def evolve(self, state: Order | None, event: OrderEvent, record: RecordedEvent) -> Order:
        """The order after an event, at the record's instant."""
        order_id = record.order_id
        assert order_id is not None, record.stream
        return evolve(state, event, instant(record.at), order_id, record.account)

    def react(
        self, state: Order, new: Sequence[OrderEvent], context: DecisionContext
    ) -> Sequence[OrderEvent]:
        """The new events, and the requests to the gateway that follow from them."""
        return with_payment_requests(state, new, context)

    def validate(self, event: OrderEvent, after: Order) -> None:
        """Refuse what is stored for good but could not be decoded again: events stay for ever.

        What can be decoded and not shown is a fault of ours: it is logged, and nothing is stored.
        """
        if not isinstance(event, _FROM_OUTSIDE):
            return
        try:
            _TYPES.decode(*_TYPES.encode(event))
        except (ValueError, TypeError) as error:
            raise InvalidEventContent(error) from None
        try:
            facts = derive_fields(after)
            document, row = oms_document(after, facts=facts), list_row(after)
            terms = [*map(list, terms_of(document, row, after.placed.details))]
            orjson.dumps([document, row, terms, filter_document(after, facts=facts)])
        except Exception:
            log.exception("event_not_renderable", order=after.order_id, event=type(event).__name__)
            raise

    def summarize(self, before: Order | None, after: Order) -> Summary:
        """The order's status before and after, its domain, and when it moved to the former."""
        moved = before.moved_at if before else None
        return Summary(
            _text(before.status) if before else None,
            _text(after.status),
            after.domain,
            micros(moved) if moved else None,
        )

    def erased(self, state: Order) -> bool:
        """Whether the person of the order was erased."""
        return state.erased_at is not None

    def changed_at(self, state: Order) -> datetime | None:
        """When the order last changed; None for an imported one, whose instants came with it."""
        return None if state.imported else state.changed_at

    def missing(self, stream: str) -> OrderNotFound:
        """The refusal of an order that the account does not have."""
        return OrderNotFound()


def _text(status: Status | None) -> str | None:
    return None if status is None else str(status)
