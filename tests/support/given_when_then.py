"""Sentences for the tests of decisions: given what happened, when this is decided, then that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.events import (
    OrderEvent,
    OrderPlaced,
    PaymentSettled,
    PaymentSettlementRequested,
)
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal

START = datetime(2026, 1, 1, tzinfo=UTC)
RECEIPT = "RECEIPT"


def after(events: Sequence[OrderEvent], order: Order | None = None, at: datetime = START) -> Order:
    """The order after events that happened at one instant."""
    for event in events:
        order = evolve(order, event, at, "v1acme-01", "acme")
    assert order is not None
    return order


def given(*events: OrderEvent) -> "Given":
    return Given(events)


@dataclass(frozen=True)
class Given:
    events: tuple[OrderEvent, ...]

    @property
    def order(self) -> Order:
        return after(self.events)

    @property
    def purchase(self) -> OrderPlaced:
        """The event that placed the order."""
        placed = self.events[0]
        assert isinstance(placed, OrderPlaced)
        return placed

    def and_(self, *events: OrderEvent) -> "Given":
        return Given(self.events + events)

    @property
    def captured(self) -> "Given":
        """The story when somebody then had the gateway capture all of it, by its API."""
        value = self.order.value
        requested = PaymentSettlementRequested(request_id="api", value=value, cause="api")
        return self.and_(requested, PaymentSettled(request_id="api", value=value, receipt="S"))

    def when(
        self, decision: Callable[..., Any], *, later: timedelta = timedelta(0), **named: Any
    ) -> "When":
        return When(self.order, decision, DecisionContext(START + later, RECEIPT), named)


@dataclass(frozen=True)
class When:
    order: Order
    decision: Callable[..., Any]
    context: DecisionContext
    named: dict[str, Any]

    def decided(self) -> list[OrderEvent]:
        events: list[OrderEvent] = self.decision(self.order, self.context, **self.named)
        return events

    def then(self, *expected: OrderEvent) -> None:
        assert self.decided() == list(expected)

    def rests_in(self, status: Status | None) -> Order:
        """Answers the order, after the statuses that it passes by itself."""
        order = after(self.decided(), self.order, self.context.now)
        assert order.status is status
        return order

    def refused(self, refusal: type[Refusal]) -> None:
        with pytest.raises(refusal):
            self.decided()
