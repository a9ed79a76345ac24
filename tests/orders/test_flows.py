"""The four flows as data: every arrow is a documented one, and every path can end (G10)."""

import pytest

from oms_ledger.orders.events import CancellationRequested
from oms_ledger.orders.flows import AUTOMATIC, FLOWS, Back
from oms_ledger.orders.status import ALIASES, ENDS, LABELS, Status

# Contract 01 §3 as printed: from → to. "null" is an order without workflow.
DOCUMENTED = """
null order-created
null order-accepted
order-created on-order-completed
on-order-completed waiting-for-authorization
on-order-completed waiting-for-order-authorization
waiting-for-order-authorization waiting-for-authorization
waiting-for-order-authorization cancel
on-order-completed cancel
waiting-for-authorization payment-pending
waiting-for-authorization waiting-for-mkt-authorization
waiting-for-authorization order-creation-error
waiting-for-authorization cancel
order-creation-error cancel
payment-pending approve-payment
payment-pending cancel
payment-pending request-cancel
payment-pending window-to-change-seller
approve-payment payment-approved
payment-approved authorize-fulfillment
payment-approved waiting-seller-handling
payment-approved invoice
payment-approved request-cancel
payment-approved window-to-change-seller
payment-approved cancel
waiting-for-mkt-authorization payment-approved
waiting-for-mkt-authorization cancel
waiting-for-mkt-authorization request-cancel
waiting-seller-handling invoice
waiting-seller-handling request-cancel
waiting-seller-handling cancel
order-accepted on-order-completed-ffm
on-order-completed-ffm waiting-for-manual-authorization
on-order-completed-ffm waiting-ffmt-authorization
waiting-for-manual-authorization waiting-ffmt-authorization
waiting-for-manual-authorization cancel
waiting-ffmt-authorization authorize-fulfillment
waiting-ffmt-authorization cancel
authorize-fulfillment window-to-cancel
window-to-cancel ready-for-handling
window-to-cancel cancel
ready-for-handling start-handling
ready-for-handling cancellation-requested
start-handling handling
handling invoice
handling cancellation-requested
handling waiting-for-fulfillment
handling ready-for-invoicing
waiting-for-fulfillment invoice
waiting-for-fulfillment cancellation-requested
ready-for-invoicing invoice
ready-for-invoicing cancellation-requested
cancellation-requested ready-for-invoicing
cancellation-request-denied-ffm waiting-for-fulfillment
invoice invoiced
invoice payment-approved
invoice waiting-seller-handling
cancellation-requested cancel
cancellation-requested ready-for-handling
cancellation-requested handling
cancellation-requested cancellation-request-denied-ffm
cancellation-requested invoice-after-cancellation-deny
cancellation-request-denied-ffm ready-for-handling
cancellation-request-denied-ffm handling
invoice-after-cancellation-deny invoice
invoice-after-cancellation-deny handling
request-cancel waiting-for-seller-decision
waiting-for-seller-decision cancel
waiting-for-seller-decision cancellation-request-denied
waiting-for-seller-decision invoice
waiting-for-seller-decision window-to-change-seller
cancellation-request-denied payment-approved
cancellation-request-denied payment-pending
cancellation-request-denied waiting-for-mkt-authorization
cancellation-request-denied waiting-seller-handling
window-to-change-seller cancel
window-to-change-seller payment-approved
window-to-change-seller payment-pending
invoiced cancel
cancel canceled
"""
# Contract 01 §2: `T`, in every flow that has them.
PASSING = {
    Status.ORDER_CREATED,
    Status.ORDER_ACCEPTED,
    Status.ON_ORDER_COMPLETED,
    Status.ON_ORDER_COMPLETED_FFM,
    Status.APPROVE_PAYMENT,
    Status.AUTHORIZE_FULFILLMENT,
    Status.START_HANDLING,
    Status.INVOICE,
    Status.REQUEST_CANCEL,
    Status.CANCELLATION_REQUEST_DENIED,
    Status.CANCELLATION_REQUEST_DENIED_FFM,
    Status.INVOICE_AFTER_CANCELLATION_DENY,
    Status.CANCEL,
}
ARROWS = {tuple(line.split()) for line in DOCUMENTED.strip().splitlines()}


def targets(flow, leads_to):
    """Where a move may lead: a way back has as many ends as statuses that allow the request."""
    if not isinstance(leads_to, Back):
        return {leads_to}
    return {status for status, moves in FLOWS[flow].items() if CancellationRequested in moves}


def leads(flow):
    return {
        status: {target for to in moves.values() for target in targets(flow, to)}
        for status, moves in FLOWS[flow].items()
    }


def arrows(flow):
    return {
        (str(status or "null"), str(to))
        for status, reached in leads(flow).items()
        for to in reached
    }


@pytest.mark.guarantee("G10")
@pytest.mark.parametrize("flow", FLOWS)
def test_every_arrow_is_documented(flow):
    assert arrows(flow) <= ARROWS


def test_every_documented_arrow_is_in_a_flow():
    assert set().union(*map(arrows, FLOWS)) == ARROWS


@pytest.mark.guarantee("G10")
@pytest.mark.parametrize("flow", FLOWS)
def test_from_every_status_a_path_leads_to_an_end(flow):
    ends, ways = set(ENDS), leads(flow)
    while grown := {status for status, to in ways.items() if status not in ends and to & ends}:
        ends |= grown
    assert ways.keys() | set().union(*ways.values()) <= ends


@pytest.mark.parametrize("flow", FLOWS)
def test_every_status_a_flow_leads_to_leads_on_or_is_an_end(flow):
    ways = leads(flow)
    assert {to for reached in ways.values() for to in reached if not ways.get(to)} <= ENDS


@pytest.mark.guarantee("G10")
@pytest.mark.parametrize("flow", FLOWS)
def test_an_order_leaves_every_passing_status_by_itself(flow):
    """No status that the contract prints with an automatic arrow may keep an order."""
    passing = {status for status in leads(flow) if status in PASSING}
    assert passing <= AUTOMATIC[flow].keys()


@pytest.mark.guarantee("G10")
@pytest.mark.parametrize("flow", FLOWS)
def test_every_automatic_step_is_one_that_its_flow_allows(flow):
    for status, event in AUTOMATIC[flow].items():
        if status in FLOWS[flow]:
            assert event in FLOWS[flow][status]


def test_every_status_has_labels_and_aliases_lead_to_statuses():
    assert set(LABELS) == set(Status)
    assert set(ALIASES.values()) <= set(Status)
