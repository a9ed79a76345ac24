"""The four flows as data: every arrow is a documented one, and every path can end (G10)."""

import pytest

from oms_ledger.orders.flows import AUTOMATIC, FLOWS
from oms_ledger.orders.status import ALIASES, ENDS, LABELS, Status

# Contract 01 §3 as printed: from → to. "null" is an order without workflow.
DOCUMENTED = """
null order-created
null order-accepted
order-created on-order-completed
on-order-completed waiting-for-authorization
waiting-for-authorization payment-pending
waiting-for-authorization waiting-for-mkt-authorization
waiting-for-authorization order-creation-error
waiting-for-authorization cancel
order-creation-error cancel
payment-pending approve-payment
payment-pending cancel
approve-payment payment-approved
payment-approved authorize-fulfillment
payment-approved waiting-seller-handling
payment-approved invoice
payment-approved request-cancel
payment-approved window-to-change-seller
payment-approved cancel
waiting-for-mkt-authorization payment-approved
waiting-for-mkt-authorization cancel
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
invoice invoiced
invoice payment-approved
invoice waiting-seller-handling
cancellation-requested cancel
cancellation-requested cancellation-requested
cancellation-requested cancellation-request-denied-ffm
cancellation-requested invoice-after-cancellation-deny
cancellation-request-denied-ffm cancellation-request-denied-ffm
invoice-after-cancellation-deny invoice
invoice-after-cancellation-deny handling
request-cancel waiting-for-seller-decision
waiting-for-seller-decision cancel
waiting-for-seller-decision cancellation-request-denied
waiting-for-seller-decision invoice
waiting-for-seller-decision window-to-change-seller
cancellation-request-denied payment-approved
cancellation-request-denied waiting-seller-handling
window-to-change-seller cancel
window-to-change-seller payment-approved
invoiced cancel
cancel canceled
"""
ARROWS = {tuple(line.split()) for line in DOCUMENTED.strip().splitlines()}


def arrows(flow):
    for status, moves in FLOWS[flow].items():
        for leads_to in moves.values():
            yield str(status or "null"), str(leads_to)


@pytest.mark.parametrize("flow", FLOWS)
def test_G10_every_arrow_is_documented(flow):
    assert set(arrows(flow)) <= ARROWS


def test_every_documented_arrow_is_in_a_flow():
    assert {arrow for flow in FLOWS for arrow in arrows(flow)} == ARROWS


@pytest.mark.parametrize("flow", FLOWS)
def test_G10_from_every_status_a_path_leads_to_an_end(flow):
    leads = {
        status: {Status.HANDLING if to is status else to for to in moves.values()}
        for status, moves in FLOWS[flow].items()
    }
    ends = set(ENDS)
    while grown := {status for status, to in leads.items() if status not in ends and to & ends}:
        ends |= grown
    assert leads.keys() | set().union(*leads.values()) <= ends


@pytest.mark.parametrize("flow", FLOWS)
def test_G10_every_automatic_step_is_one_that_its_flow_allows(flow):
    for status, event in AUTOMATIC[flow].items():
        if status in FLOWS[flow]:
            assert event in FLOWS[flow][status]


def test_every_status_has_labels_and_aliases_lead_to_statuses():
    assert set(LABELS) == set(Status)
    assert set(ALIASES.values()) <= set(Status)
