"""Which resource opens which operation, and which roles have which resources (contract 02 §1)."""

from collections.abc import Mapping

VIEW, LIST, FULL = "View order", "List Orders", "Orders Full Access"
WORKFLOW, CANCEL = "Change order workflow status", "Cancel order"
INVOICE, REFUND, PAYMENT = "Notify invoice", "Notify refund", "Notify payment"
CHANGE, FORM = "Change order", "Save Order Configuration"
FEED_VIEW, FEED_ADMIN = "Feed v3 and Hook view only", "Feed v3 and Hook Admin"

OMS = frozenset(
    {VIEW, LIST, FULL, WORKFLOW, CANCEL, INVOICE, REFUND, PAYMENT, CHANGE, FEED_VIEW, FEED_ADMIN}
)

ROLES: Mapping[str, frozenset[str]] = {
    "Owner": OMS | {FORM},
    "OMS - Full access": OMS,
    "IntegrationProfile - Fulfillment Oms": OMS,
    "IntegrationProfile - Fulfillment Gateway Oms": OMS - {LIST},
    "IntegrationProfile - Fulfillment Gateway": frozenset({VIEW, CANCEL, PAYMENT}),
    "OMS - Read only": frozenset({VIEW}),
    "Call center operator": frozenset({VIEW}),
    "Checkout Admin": frozenset({FULL, FORM}),
    "Feed reader": frozenset({FEED_VIEW}),
}

OPERATIONS: Mapping[str, frozenset[str]] = {
    "get_order": frozenset({VIEW, FULL}),
    "order_group": frozenset({VIEW, FULL}),
    "list_orders": frozenset({LIST, FULL}),
    "start_handling": frozenset({WORKFLOW}),
    "cancel_order": frozenset({CANCEL}),
    "invoice_order": frozenset({INVOICE, REFUND}),
    "notify_payment": frozenset({PAYMENT}),
    "feed_config_read": frozenset({FEED_VIEW, FEED_ADMIN}),
    "feed_config_write": frozenset({FEED_ADMIN}),
    "feed_read": frozenset({FEED_VIEW, FEED_ADMIN}),
    "feed_commit": frozenset({FEED_VIEW, FEED_ADMIN}),
    "hook_config_read": frozenset({FEED_VIEW, FEED_ADMIN}),
    "hook_config_write": frozenset({FEED_ADMIN}),
    "process_order": frozenset({FORM}),
}
