"""Changes against invoices, cancellations and each other: every interleaving of their steps, and
a model that says of each command what it has to come to (G6, G22, G26)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from oms_ledger.orders import events as e
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.changes import refusals
from oms_ledger.orders.changes import settings as changes_settings
from oms_ledger.orders.changes.request import ChangeInput, LineInput, Side
from oms_ledger.orders.changes.v1 import Modification, UnitsInput, register_change
from oms_ledger.orders.changes.v2 import (
    adjust_payment,
    advance,
    ask_payment,
    cancel_change,
    expire_change,
    fail_step,
    request_change,
    restore_payment,
    retry_change,
)
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.invoices.decide import InvoiceItemInput, issue_invoice
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal
from tests.orders.changes.test_properties import Story
from tests.support.given_when_then import START, after
from tests.support.scenarios import CARD, in_handling, placed

PRICE = 10_00
LINE = e.Item("LINE", "mug", "1", 6, PRICE)
SETTINGS = changes_settings.shown({})


def new_order():
    value = LINE.quantity * PRICE
    purchase = replace(
        placed.purchase,
        items=(LINE,),
        totals=(e.Total("Items", value),),
        logistics=(),
        payments=(replace(CARD, value=value, reference_value=value),),
    )
    return after([purchase, *in_handling.events[1:]])


def removal(units: int) -> ChangeInput:
    return ChangeInput("reason", remove=(Side((LineInput("mug", units),)),))


def addition(units: int) -> ChangeInput:
    return ChangeInput("reason", add=(Side((LineInput("mug", units),)),))


def asks(request_id, requested):
    return request_change, {
        "request_id": request_id,
        "workflow_id": "w",
        "requested": requested,
        "settings": SETTINGS,
    }


def transitions_of(request_id):
    """What the workers do of a request, each safe to do again."""
    fields = {"request_id": request_id}
    return [
        (advance, fields),
        (ask_payment, fields),
        (adjust_payment, {**fields, "receipt": "g"}),
        (advance, fields),
    ]


def invoices(number, value):
    return issue_invoice, {
        "number": number,
        "type": "Output",
        "value": value,
        "issued_at": START,
        "items": [InvoiceItemInput("mug", value // PRICE)],
    }


def merges(*sequences):
    """Every order of all steps that keeps the order within each sequence."""
    if not any(sequences):
        yield []
    for at, sequence in enumerate(sequences):
        if sequence:
            rest = [*sequences[:at], sequence[1:], *sequences[at + 1 :]]
            for merge in merges(*rest):
                yield [sequence[0], *merge]


def run(interleaving):
    """The order after the steps; one that is not due yet, or any more, changes nothing."""
    story = Story(new_order())
    for decision, named in interleaving:
        story.decide(decision, **named)
    return story


def finished(story):
    """Whatever happened, workers and people can bring the order to an end."""
    for request in story.order.change_requests:
        for decision, named in transitions_of(request.id):
            story.decide(decision, **named)
    order = story.order
    if order.status is Status.CANCELLATION_REQUESTED:
        story.decide(cancel)
        assert story.order.status is Status.CANCELED
    elif order.status not in (Status.CANCELED, Status.INVOICED):
        rest = order.value - order.invoiced_value
        assert story.decide(*[invoices("rest", rest)[0]], **{**invoices("rest", rest)[1]})
        assert story.order.status is Status.INVOICED
        assert story.order.invoiced_value == story.order.value
    return story.order


@pytest.mark.guarantee("G22")
@pytest.mark.parametrize("change", [removal(2), addition(1)], ids=["fewer", "more"])
def test_change_and_invoice_in_every_interleaving(change):
    outcomes = set()
    for interleaving in merges(
        [asks("c", change), *transitions_of("c")], [invoices("1", 3 * PRICE)]
    ):
        story = run(interleaving)
        order = finished(story)
        (request,) = order.change_requests or (None,)
        outcomes.add((request is not None, len(order.invoices)))
        assert order.invoiced_value == order.value
        assert order.value == 6 * PRICE + (request.requested.value if request else 0)
    assert len(outcomes) > 1


def test_change_and_cancellation_in_every_interleaving():
    ends = set()
    for interleaving in merges(
        [asks("c", removal(2)), *transitions_of("c")], [(cancel, {}), (cancel, {})]
    ):
        story = run(interleaving)
        order = finished(story)
        for request in order.change_requests:
            assert not request.in_progress
            ends.add(request.status)
            changed = request.status == "done"
            assert order.value == 6 * PRICE + (request.requested.value if changed else 0)
    assert ends == {"done", "canceled"}


@pytest.mark.guarantee("G6")
def test_changes_of_two_clients_are_made_one_after_the_other():
    for interleaving in merges(
        [asks("c", removal(2)), *transitions_of("c")],
        [asks("d", addition(1)), *transitions_of("d")],
    ):
        story = run(interleaving)
        order = finished(story)
        moved = sum(request.requested.value for request in order.change_requests)
        assert order.value == 6 * PRICE + moved
        assert len(order.change_requests) in (1, 2)


def test_generations_invoices_and_cancellations_in_every_interleaving():
    v1 = Modification("v1", "reason", removed=(UnitsInput("mug", 1, PRICE),))
    for interleaving in merges(
        [asks("c", removal(2)), *transitions_of("c")],
        [(register_change, {"requested": v1})],
        [invoices("1", 2 * PRICE)],
        [(cancel, {})],
    ):
        order = finished(run(interleaving))
        done = [one for one in order.change_requests if one.status == "done"]
        assert not (done and order.registered_changes)


class Shop(RuleBasedStateMachine):
    """Several clients at one order of mugs, against a model of a few numbers."""

    @initialize()
    def begin(self):
        self.story = Story(new_order())
        self.value, self.units, self.invoiced = 6 * PRICE, 6, 0
        self.pending: tuple[int, str] | None = None  # units that a request adds, its id
        self.stage = ""
        self.fails = 0
        self.generation = 0
        self.status = "handling"
        self.count = 0

    def fields(self, decision, **named):
        """The code of a refusal, or None; time goes on by a minute."""
        self.count += 1
        context = DecisionContext(START + timedelta(minutes=self.count), f"receipt-{self.count}")
        try:
            events = decision(self.story.order, context, **named)
        except Refusal as refused:
            return type(refused)
        order = self.story.order
        for event in events:
            order = after([event], order, context.now)
        self.story.order = order
        return None

    @rule(units=st.integers(1, 7), more=st.booleans())
    def ask_change(self, units, more):
        request_id = f"c-{self.count}"
        requested = addition(units) if more else removal(units)
        fields = self.fields(*[asks(request_id, requested)[0]], **asks(request_id, requested)[1])
        if self.status == "canceled":
            assert fields is refusals.ChangeOfCanceledOrder
        elif self.pending:
            assert fields is refusals.ChangeInProgress
        elif self.generation == 1:
            assert fields is refusals.ChangedByV1
        elif self.status == "invoiced":
            assert fields is refusals.ChangeAlreadyInvoiced
        elif self.status != "handling":
            assert fields is refusals.InvalidChange
        elif not more and units > self.units:
            assert fields is refusals.ChangeTooManyUnits
        elif not more and units > self.units - self.invoiced:
            assert fields is refusals.ChangeAlreadyInvoiced
        elif not more and units == self.units:
            assert fields is refusals.InvalidChange
        else:
            assert fields is None
            self.pending, self.stage = (units if more else -units, request_id), "taken"
            self.fails = 0

    @precondition(lambda self: self.pending)
    @rule()
    def work(self):
        """The next step of the request, by a worker."""
        _, request_id = self.pending
        if self.fails >= 5:
            assert self.fields(advance, request_id=request_id) is None
            return
        if self.stage == "taken":
            self.fields(advance, request_id=request_id)
            self.stage = "acknowledged"
        elif self.stage == "acknowledged":
            self.fields(ask_payment, request_id=request_id)
            self.fields(adjust_payment, request_id=request_id, receipt="g")
            self.stage, self.fails = "paid", 0
        else:
            self.fields(advance, request_id=request_id)
            self._apply()

    def _apply(self):
        units, _ = self.pending
        self.units += units
        self.value += units * PRICE
        self.pending, self.generation = None, 2
        if self.invoiced and self.invoiced == self.units:
            self.status = "invoiced"

    @precondition(lambda self: self.pending and self.stage == "acknowledged")
    @rule()
    def fail(self):
        _, request_id = self.pending
        fields = {"step": "payment", "code": "OMS503", "message": "away"}
        self.fields(fail_step, request_id=request_id, **fields)
        self.fails = min(self.fails + 1, 5)

    @precondition(lambda self: self.pending)
    @rule(action=st.sampled_from(["retry", "cancel", "expire"]))
    def decide_about_it(self, action):
        _, request_id = self.pending
        if action == "retry":
            assert self.fields(retry_change, request_id=request_id) is None
            self.fails = 0
        elif action == "cancel":
            assert self.fields(cancel_change, request_id=request_id, reason="no") is None
            self._drop(request_id)
        else:
            assert self.fields(expire_change) is None  # a day has not passed

    def _drop(self, request_id):
        self.pending = None
        assert self.fields(restore_payment, request_id=request_id, receipt="b") is None

    @rule(units=st.integers(1, 7))
    def invoice(self, units):
        decision, named = invoices(f"n-{self.count}", units * PRICE)
        fields = self.fields(decision, **named)
        if self.pending:
            assert fields is refusals.ChangeInProgress
        elif self.status in ("canceled", "invoiced") or units > self.units - self.invoiced:
            assert fields is not None
        else:
            assert fields is None
            self.invoiced += units
            self.status = "invoiced" if self.invoiced == self.units else "handling"

    @rule()
    def cancel_order(self):
        pending = self.pending
        fields = self.fields(cancel)
        if self.status == "canceled":
            assert fields is None
        elif self.invoiced:
            assert fields is not None
        else:
            assert fields is None
            self.status = "asked" if self.status == "handling" else "canceled"
            if pending:
                self._drop(pending[1])

    @rule(units=st.integers(1, 7))
    def change_v1(self, units):
        requested = Modification(
            f"v1-{self.count}", "reason", removed=(UnitsInput("mug", units, PRICE),)
        )
        fields = self.fields(register_change, requested=requested)
        if self.pending:
            assert fields is refusals.ChangeInProgress
        elif self.generation == 2:
            assert fields is refusals.ChangedByV2
        elif self.status != "handling":
            assert fields is refusals.ModificationNotInHandling
        elif units > self.units - self.invoiced:
            assert fields is refusals.InvalidQuantityToRemove
        else:
            assert fields is None
            self.units -= units
            self.value -= units * PRICE
            self.generation = 1
            if self.invoiced and self.invoiced == self.units:
                self.status = "invoiced"

    @invariant()
    def order_and_model_agree(self):
        if not hasattr(self, "story"):
            return
        order = self.story.order
        assert order.value == self.value == sum(total.value for total in order.totals)
        assert order.invoiced_value == self.invoiced * PRICE <= order.value
        assert sum(order.units_left()) == self.units - self.invoiced
        assert bool(order.change_in_progress) == bool(self.pending)
        expected = {
            "handling": Status.HANDLING,
            "asked": Status.CANCELLATION_REQUESTED,
            "canceled": Status.CANCELED,
            "invoiced": Status.INVOICED,
        }
        assert order.status is expected[self.status]


TestG6G22G26ClientsAtOneOrder = Shop.TestCase
TestG6G22G26ClientsAtOneOrder.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None
)
