"""Policies that change while an order waits for the people that they name."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.policies.decide import evaluate_order, revise_policies, score_rule
from oms_ledger.orders.status import Status
from tests.support.given_when_then import after
from tests.support.purchases import PAID, placed

AT = datetime(2026, 1, 1, tzinfo=UTC)
CONTEXT = DecisionContext(AT, "receipt", buying_policies=True)
ANN, BOB = (events.PolicyAuthorizer(name, "user") for name in ("ann", "bob"))
RULE = events.PolicyRule(
    "r", "rule", 1, events.PEND, holds=True, accept=10, deny=5, require_all=True,
    authorizers=(ANN, BOB),
)  # fmt: skip


@pytest.fixture
def waiting():
    """An order that Ann has accepted and Bob has not."""
    order = after([placed()], at=AT)
    order = after(PAID(order, CONTEXT), order, AT)
    dimension = events.PolicyDimension("d", "d", None, 1, False, (RULE,))
    order = after(
        evaluate_order(order, CONTEXT, authorization_id="a", dimensions=[dimension]), order, AT
    )
    accepted = score_rule(
        order, CONTEXT, dimension_id="d", rule_id="r", score=10, authorizer_id="ann"
    )
    return after(accepted, order, AT)


def revised(order, *authorizers):
    known = {"d": {"r": replace(RULE, authorizers=authorizers)}}
    return after(revise_policies(order, CONTEXT, known=known), order, AT)


@pytest.mark.guarantee("G19")
def test_an_order_goes_on_when_who_has_not_spoken_need_not_any_more(waiting):
    assert waiting.status is Status.WAITING_FOR_ORDER_AUTHORIZATION
    order = revised(waiting, ANN)
    assert order.authorization.dimension("d").rules[0].status == "accepted"
    assert order.status is Status.WINDOW_TO_CANCEL


@pytest.mark.guarantee("G19")
def test_an_order_waits_for_somebody_who_is_new(waiting):
    eve = events.PolicyAuthorizer("eve", "user")
    assert revised(waiting, ANN, eve).status is Status.WAITING_FOR_ORDER_AUTHORIZATION
    assert revised(waiting, eve).status is Status.WAITING_FOR_ORDER_AUTHORIZATION
