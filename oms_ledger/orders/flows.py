"""How orders move: which events each status allows, and where each event leads (contract 01 §3).

A flow is a sum of stages. This module alone knows the order of the statuses: decisions ask it
whether an event may happen, and the order asks it where the event leads. An event that no stage
lists, such as an invoice for part of the order, leaves the status alone. `AUTOMATIC` says which
event follows by itself when an order comes to a passing status.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.status import Status as S


class Back(Enum):
    """Where an event leads when the table does not say: back to a status the order was in."""

    TO_BEFORE_THE_REQUEST = (
        "to the status in which the cancellation was requested, or a seller canceled"
    )


Moves = Mapping[type[events.OrderEvent], S | Back]
Flow = Mapping[S | None, Moves]

START: Flow = {None: {events.WorkflowCreated: S.ORDER_CREATED}}

PURCHASE: Flow = {
    S.ORDER_CREATED: {events.PurchaseCompleted: S.ON_ORDER_COMPLETED},
    S.ON_ORDER_COMPLETED: {events.SellerConfirmationAwaited: S.WAITING_FOR_AUTHORIZATION},
}

# Under buying policies an order waits until they accept it.
PURCHASE_UNDER_POLICIES: Flow = {
    **PURCHASE,
    S.ON_ORDER_COMPLETED: {
        **PURCHASE[S.ON_ORDER_COMPLETED],
        events.OrderAuthorizationAwaited: S.WAITING_FOR_ORDER_AUTHORIZATION,
        events.CancellationStarted: S.CANCEL,
    },
    S.WAITING_FOR_ORDER_AUTHORIZATION: {
        events.SellerConfirmationAwaited: S.WAITING_FOR_AUTHORIZATION,
        events.CancellationStarted: S.CANCEL,
    },
}

SELLER_ANSWER: Flow = {
    S.WAITING_FOR_AUTHORIZATION: {
        events.SellerConfirmed: S.PAYMENT_PENDING,
        events.SellerRefused: S.ORDER_CREATION_ERROR,
        events.CancellationStarted: S.CANCEL,
    },
    S.ORDER_CREATION_ERROR: {events.CancellationStarted: S.CANCEL},
}

# Another seller may be chosen before the first one answered.
SELLER_ANSWER_OR_CHANGE: Flow = {
    **SELLER_ANSWER,
    S.WAITING_FOR_AUTHORIZATION: {
        **SELLER_ANSWER[S.WAITING_FOR_AUTHORIZATION],
        events.SellerChanged: S.PAYMENT_PENDING,
    },
}

CHAIN_ANSWER: Flow = {
    S.WAITING_FOR_AUTHORIZATION: {
        events.SellerConfirmed: S.WAITING_FOR_MKT_AUTHORIZATION,
        events.SellerRefused: S.ORDER_CREATION_ERROR,
        events.CancellationStarted: S.CANCEL,
    },
    S.ORDER_CREATION_ERROR: {events.CancellationStarted: S.CANCEL},
    S.WAITING_FOR_MKT_AUTHORIZATION: {
        events.PaymentApproved: S.PAYMENT_APPROVED,
        events.CancellationRequested: S.REQUEST_CANCEL,
        events.CancellationStarted: S.CANCEL,
    },
    S.PAYMENT_APPROVED: {events.SellerHandlingAwaited: S.WAITING_SELLER_HANDLING},
}

PAYMENT: Flow = {
    S.PAYMENT_PENDING: {
        events.PaymentApprovalRecorded: S.APPROVE_PAYMENT,
        events.CancellationStarted: S.CANCEL,
    },
    S.APPROVE_PAYMENT: {events.PaymentApproved: S.PAYMENT_APPROVED},
}

# The seller has the order already, so it has a say in its cancellation.
PAYMENT_OF_ANOTHERS: Flow = {
    **PAYMENT,
    S.PAYMENT_PENDING: {
        **PAYMENT[S.PAYMENT_PENDING],
        events.CancellationRequested: S.REQUEST_CANCEL,
        events.SellerCanceled: S.WINDOW_TO_CHANGE_SELLER,
    },
}

OWN_FULFILLMENT: Flow = {
    S.PAYMENT_APPROVED: {events.FulfillmentAuthorized: S.AUTHORIZE_FULFILLMENT}
}

ACCEPTANCE: Flow = {
    None: {events.OrderAccepted: S.ORDER_ACCEPTED},
    S.ORDER_ACCEPTED: {events.PurchaseCompleted: S.ON_ORDER_COMPLETED_FFM},
    S.ON_ORDER_COMPLETED_FFM: {
        events.ManualAuthorizationAwaited: S.WAITING_FOR_MANUAL_AUTHORIZATION,
        events.DispatchAuthorizationAwaited: S.WAITING_FFMT_AUTHORIZATION,
    },
    S.WAITING_FOR_MANUAL_AUTHORIZATION: {
        events.DispatchAuthorizationAwaited: S.WAITING_FFMT_AUTHORIZATION,
        events.CancellationStarted: S.CANCEL,
    },
    S.WAITING_FFMT_AUTHORIZATION: {
        events.FulfillmentAuthorized: S.AUTHORIZE_FULFILLMENT,
        events.CancellationStarted: S.CANCEL,
    },
}

HANDLING: Flow = {
    S.AUTHORIZE_FULFILLMENT: {events.CancellationWindowOpened: S.WINDOW_TO_CANCEL},
    S.WINDOW_TO_CANCEL: {
        events.CancellationWindowClosed: S.READY_FOR_HANDLING,
        events.CancellationStarted: S.CANCEL,
    },
    S.READY_FOR_HANDLING: {
        events.HandlingRequested: S.START_HANDLING,
        events.CancellationRequested: S.CANCELLATION_REQUESTED,
    },
    S.START_HANDLING: {events.HandlingStarted: S.HANDLING},
    S.INVOICE: {events.FullyInvoiced: S.INVOICED},
    S.INVOICE_AFTER_CANCELLATION_DENY: {
        events.InvoiceVerified: S.INVOICE,
        events.HandlingStarted: S.HANDLING,
    },
    S.INVOICED: {events.CancellationStarted: S.CANCEL},
}

_IN_HANDLING: Moves = {
    events.InvoiceVerified: S.INVOICE,
    events.CancellationRequested: S.CANCELLATION_REQUESTED,
}

# The last status of each is a step that an account may leave out.
SELLER_HANDLING: Flow = {
    S.HANDLING: {**_IN_HANDLING, events.FulfillmentAwaited: S.WAITING_FOR_FULFILLMENT},
    S.WAITING_FOR_FULFILLMENT: _IN_HANDLING,
}

OWN_HANDLING: Flow = {
    S.HANDLING: {**_IN_HANDLING, events.InvoicingAwaited: S.READY_FOR_INVOICING},
    S.READY_FOR_INVOICING: _IN_HANDLING,
}

_WHEN_REQUESTED: Moves = {
    events.CancellationStarted: S.CANCEL,
    events.InvoicedDespiteRequest: S.INVOICE_AFTER_CANCELLATION_DENY,
}

# One order is both sides: a denial leads straight back.
OWN_REQUEST: Flow = {
    S.CANCELLATION_REQUESTED: {
        **_WHEN_REQUESTED,
        events.CancellationDenied: Back.TO_BEFORE_THE_REQUEST,
    }
}

REQUEST_FROM_ABOVE: Flow = {
    S.CANCELLATION_REQUESTED: {
        **_WHEN_REQUESTED,
        events.CancellationDenied: S.CANCELLATION_REQUEST_DENIED_FFM,
    },
    S.CANCELLATION_REQUEST_DENIED_FFM: {
        events.CancellationRequestDropped: Back.TO_BEFORE_THE_REQUEST
    },
}

SOLD_BY_OTHERS: Flow = {
    S.PAYMENT_APPROVED: {
        events.InvoiceVerified: S.INVOICE,
        events.CancellationRequested: S.REQUEST_CANCEL,
        events.SellerCanceled: S.WINDOW_TO_CHANGE_SELLER,
        events.CancellationStarted: S.CANCEL,
    },
    S.INVOICE: {events.FullyInvoiced: S.INVOICED, events.PartiallyInvoiced: S.PAYMENT_APPROVED},
    S.REQUEST_CANCEL: {events.SellerDecisionAwaited: S.WAITING_FOR_SELLER_DECISION},
    S.WAITING_FOR_SELLER_DECISION: {
        events.CancellationStarted: S.CANCEL,
        events.CancellationDenied: S.CANCELLATION_REQUEST_DENIED,
        events.InvoiceVerified: S.INVOICE,
        events.SellerCanceled: S.WINDOW_TO_CHANGE_SELLER,
    },
    S.CANCELLATION_REQUEST_DENIED: {events.CancellationRequestDropped: Back.TO_BEFORE_THE_REQUEST},
    S.WINDOW_TO_CHANGE_SELLER: {
        events.CancellationStarted: S.CANCEL,
        events.SellerChanged: Back.TO_BEFORE_THE_REQUEST,
    },
    S.INVOICED: {events.CancellationStarted: S.CANCEL},
}

FORWARDED: Flow = {
    S.WAITING_SELLER_HANDLING: {
        events.InvoiceVerified: S.INVOICE,
        events.CancellationRequested: S.REQUEST_CANCEL,
        events.CancellationStarted: S.CANCEL,
    },
    S.INVOICE: {
        events.FullyInvoiced: S.INVOICED,
        events.PartiallyInvoiced: S.WAITING_SELLER_HANDLING,
    },
    S.REQUEST_CANCEL: {events.SellerDecisionAwaited: S.WAITING_FOR_SELLER_DECISION},
    S.WAITING_FOR_SELLER_DECISION: {
        events.CancellationStarted: S.CANCEL,
        events.CancellationDenied: S.CANCELLATION_REQUEST_DENIED,
        events.InvoiceVerified: S.INVOICE,
    },
    S.CANCELLATION_REQUEST_DENIED: {events.CancellationRequestDropped: Back.TO_BEFORE_THE_REQUEST},
    S.INVOICED: {events.CancellationStarted: S.CANCEL},
}

ENDING: Flow = {S.CANCEL: {events.Canceled: S.CANCELED}, S.CANCELED: {}, S.REPLACED: {}}


def join(*stages: Flow) -> Flow:
    """One flow out of stages, no two of which may speak of the same status."""
    joined: dict[S | None, Moves] = {}
    for stage in stages:
        shared = joined.keys() & stage.keys()
        assert not shared, f"two stages move orders out of {shared}"
        joined |= stage
    return joined


FLOWS: Mapping[str, Flow] = {
    "marketplace": join(
        START,
        PURCHASE_UNDER_POLICIES,
        SELLER_ANSWER_OR_CHANGE,
        PAYMENT_OF_ANOTHERS,
        SOLD_BY_OTHERS,
        ENDING,
    ),
    "seller": join(ACCEPTANCE, HANDLING, SELLER_HANDLING, REQUEST_FROM_ABOVE, ENDING),
    "complete": join(
        START,
        PURCHASE_UNDER_POLICIES,
        SELLER_ANSWER,
        PAYMENT,
        OWN_FULFILLMENT,
        HANDLING,
        OWN_HANDLING,
        OWN_REQUEST,
        ENDING,
    ),
    "chain": join(START, PURCHASE, CHAIN_ANSWER, FORWARDED, ENDING),
}

ORIGINS = {
    "marketplace": "Marketplace",
    "seller": "Fulfillment",
    "complete": "Marketplace",
    "chain": "Chain",
}

_PASSING: Mapping[S, type[Any]] = {
    S.ORDER_CREATED: events.PurchaseCompleted,
    S.ORDER_ACCEPTED: events.PurchaseCompleted,
    S.ON_ORDER_COMPLETED: events.SellerConfirmationAwaited,
    S.ON_ORDER_COMPLETED_FFM: events.DispatchAuthorizationAwaited,
    S.APPROVE_PAYMENT: events.PaymentApproved,
    S.AUTHORIZE_FULFILLMENT: events.CancellationWindowOpened,
    S.START_HANDLING: events.HandlingStarted,
    S.INVOICE: events.FullyInvoiced,
    S.ORDER_CREATION_ERROR: events.CancellationStarted,
    S.REQUEST_CANCEL: events.SellerDecisionAwaited,
    S.CANCELLATION_REQUEST_DENIED: events.CancellationRequestDropped,
    S.CANCELLATION_REQUEST_DENIED_FFM: events.CancellationRequestDropped,
    S.INVOICE_AFTER_CANCELLATION_DENY: events.InvoiceVerified,
    S.CANCEL: events.Canceled,
}

AUTOMATIC: Mapping[str, Mapping[S, type[Any]]] = {
    "marketplace": _PASSING,
    "seller": _PASSING,
    "complete": {
        **_PASSING,
        S.WAITING_FOR_AUTHORIZATION: events.SellerConfirmed,
        S.PAYMENT_APPROVED: events.FulfillmentAuthorized,
    },
    "chain": {**_PASSING, S.PAYMENT_APPROVED: events.SellerHandlingAwaited},
}


def moves_from(flow: str, status: S | None) -> Moves:
    """The events that move an order of this flow out of this status, and where to."""
    return FLOWS[flow].get(status, {})


def status_after(
    flow: str, status: S | None, event: type[events.OrderEvent], *, requested_in: S | None
) -> S | None:
    """The status an event leads to; `requested_in` is where a cancellation was last requested."""
    leads_to = moves_from(flow, status).get(event, status)
    return requested_in if leads_to is Back.TO_BEFORE_THE_REQUEST else leads_to
