"""v1 increases before they are registered: prepared once, then registered or given back."""

from datetime import timedelta
from typing import Any

import pytest

from oms_ledger.orders import events
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.changes import refusals, settings
from oms_ledger.orders.changes.request import ChangeInput
from oms_ledger.orders.changes.v1 import Modification, register_change
from oms_ledger.orders.changes.v1_payment import (
    TIME_TO_REGISTER,
    abandon,
    expire_preparation,
    prepare,
    require_prepared,
    withdraw,
)
from oms_ledger.orders.changes.v2 import request_change
from oms_ledger.orders.documents import filter_document, oms_document, pii_document
from oms_ledger.orders.invoices.decide import issue_invoice
from oms_ledger.orders.outbox.rules import messages_after
from oms_ledger.orders.status import Status
from projections.timers.deadlines import timer
from tests.support.given_when_then import after
from tests.support.scenarios import START, in_handling

NAME = "v1acme-01/more"
MORE = Modification("more", "reason", increment_value=5)
PREPARED = events.ChangePrepared("more", 5, NAME)
prepared = in_handling.and_(PREPARED)
abandoned = prepared.and_(events.ChangeAbandoned("more", NAME))
withdrawn = abandoned.and_(events.ChangeWithdrawn("more", NAME, "r"))
registered = prepared.and_(
    events.ChangeRegistered(request_id="more", receipt="r", increment_value=5)
)


def test_a_preparation_is_recorded_once():
    in_handling.when(prepare, request_id="more", value=5).then(PREPARED)
    prepared.when(prepare, request_id="more", value=5).then()
    registered.when(prepare, request_id="more", value=5).then()


@pytest.mark.parametrize(("request_id", "value"), [("other", 5), ("more", 6)])
def test_another_one_waits_until_it_is_over(request_id, value):
    prepared.when(prepare, request_id=request_id, value=value).refused(refusals.ChangeInProgress)
    requested = Modification(request_id, "reason", increment_value=value)
    prepared.when(register_change, requested=requested).refused(refusals.ChangeInProgress)
    for over in (abandoned, withdrawn):
        assert over.when(prepare, request_id=request_id, value=value).decided()
        assert over.when(register_change, requested=requested).decided()


def test_a_v2_request_waits_too_and_is_in_the_way_of_a_preparation():
    fields: dict[str, Any] = {"request_id": "v2", "workflow_id": "w"}
    fields["settings"] = settings.shown({})
    requested = ChangeInput("reason", manual_discount=1)
    when = prepared.when(request_change, requested=requested, **fields)
    when.refused(refusals.ChangeInProgress)
    (recorded,) = in_handling.when(request_change, requested=requested, **fields).decided()
    busy = in_handling.and_(recorded)
    busy.when(prepare, request_id="more", value=5).refused(refusals.ChangeInProgress)


def test_the_registered_change_ends_its_preparation_and_no_other():
    (change,) = prepared.when(register_change, requested=MORE).decided()
    assert after([change], prepared.order).change_prepared is None
    other = events.ChangeRegistered(request_id="other", receipt="r", discount_value=1)
    assert prepared.and_(other).order.change_prepared.requested == PREPARED


def test_each_end_is_recorded_once_and_a_registered_change_has_no_other():
    prepared.when(abandon, asked_as=NAME, paid=True).then(
        events.ChangeAbandoned("more", NAME, True)
    )
    prepared.when(withdraw, asked_as=NAME).then(events.ChangeWithdrawn("more", NAME))
    abandoned.when(withdraw, asked_as=NAME, receipt="r").then(
        events.ChangeWithdrawn("more", NAME, "r")
    )
    for over in (registered, withdrawn):
        over.when(abandon, asked_as=NAME).then()
        over.when(withdraw, asked_as=NAME, receipt="again").then()
    abandoned.when(abandon, asked_as=NAME).then()
    in_handling.when(withdraw, asked_as="none").then()


def test_what_was_given_up_is_requested_by_another_name_the_next_time():
    for over, name in ((abandoned, f"{NAME}/1"), (withdrawn, f"{NAME}/1")):
        over.when(prepare, request_id="more", value=5).then(events.ChangePrepared("more", 5, name))
    again = withdrawn.and_(
        events.ChangePrepared("more", 5, f"{NAME}/1"), events.ChangeWithdrawn("more", f"{NAME}/1")
    )
    again.when(prepare, request_id="more", value=5).then(
        events.ChangePrepared("more", 5, f"{NAME}/2")
    )


def test_only_what_is_still_prepared_may_be_registered():
    require_prepared(prepared.order, NAME)
    require_prepared(in_handling.order, None)
    for over in (in_handling, abandoned, withdrawn):
        with pytest.raises(refusals.ChangeInProgress):
            require_prepared(over.order, NAME)


@pytest.mark.guarantee("G16")
def test_after_ten_minutes_it_is_given_up_and_a_call_gives_back():
    almost = TIME_TO_REGISTER - timedelta(microseconds=1)
    prepared.when(expire_preparation, later=almost).then()
    prepared.when(expire_preparation, later=TIME_TO_REGISTER).then(
        events.ChangeAbandoned("more", NAME)
    )
    for void in (in_handling, registered, abandoned, withdrawn):
        void.when(expire_preparation, later=TIME_TO_REGISTER).then()
    (message,) = messages_after(
        prepared.order, events.ChangeAbandoned("more", NAME), abandoned.order
    )
    assert (message.kind, message.key, message.body) == ("withdraw-change", NAME, {"askedAs": NAME})


@pytest.mark.guarantee("G16")
def test_its_time_is_shown_whatever_else_the_order_waits_for():
    assert timer(in_handling.order) == {}
    due = int((START + TIME_TO_REGISTER).timestamp() * 1_000_000)
    waiting = after(prepared.when(cancel).decided(), prepared.order)
    assert waiting.status is Status.CANCELLATION_REQUESTED
    for order in (prepared.order, waiting):
        assert timer(order) == {"kind": "prepared-change", "due_at": due}
    assert timer(after([events.ChangeAbandoned("more", NAME)], waiting))["kind"] == (
        "cancellation-decision"
    )


def test_invoices_and_cancellations_keep_their_own_rules():
    fields: dict[str, Any] = {"number": "1", "type": "Output", "value": 100_00, "issued_at": START}
    cases: tuple[tuple[Any, dict[str, Any]], ...] = ((cancel, {}), (issue_invoice, fields))
    for decision, context in cases:
        free = in_handling.when(decision, **context).decided()
        assert prepared.when(decision, **context).decided() == free


def test_the_documents_are_the_same_before_and_after():
    for show in (oms_document, pii_document, filter_document):
        shown = show(in_handling.order)
        for story in (prepared, abandoned, withdrawn):
            assert show(story.order) == shown
