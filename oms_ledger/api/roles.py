"""Which resource opens which operation, and which roles have which resources (contract 02 §1)."""

from collections.abc import Mapping

VIEW, LIST, FULL = "View order", "List Orders", "Orders Full Access"
WORKFLOW, CANCEL = "Change order workflow status", "Cancel order"
INVOICE, REFUND, PAYMENT = "Notify invoice", "Notify refund", "Notify payment"
CHANGE, FORM, WINDOW = (
    "Change order",
    "Save Order Configuration",
    "Save OrderForm Configuration",
)
FEED_VIEW, FEED_ADMIN = "Feed v3 and Hook view only", "Feed v3 and Hook Admin"

FEED = frozenset({FEED_VIEW, FEED_ADMIN})
# Without `Orders Full Access`, which is the Checkout Admin's alone: it would open the list too.
OMS = frozenset({VIEW, LIST, WORKFLOW, CANCEL, INVOICE, REFUND, PAYMENT, CHANGE})
EVERY = OMS | FEED | {FULL, FORM, WINDOW}

ROLES: Mapping[str, frozenset[str]] = {
    "Owner": EVERY,
    "OMS - Full access": OMS | FEED,
    "IntegrationProfile - Fulfillment Oms": OMS | FEED,
    "IntegrationProfile - Fulfillment Gateway Oms": OMS - {LIST, FULL},
    "IntegrationProfile - Fulfillment Gateway": frozenset({VIEW, CANCEL, PAYMENT}),
    "OMS - Read only": frozenset({VIEW}),
    "Call center operator": frozenset({VIEW}),
    # `View order` would show it every order; it may see those it placed, which a key never did.
    "Call center operator (restricted orders view)": frozenset(),
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
    "feed_config_read": FEED,
    "feed_config_write": frozenset({FEED_ADMIN}),
    "feed_read": FEED,
    "feed_commit": FEED,
    "hook_config_read": FEED,
    "hook_config_write": frozenset({FEED_ADMIN}),
    "test_expression": FEED,
    "place_order": EVERY,  # any key of the account that may do anything at all
    "process_order": frozenset({FORM}),
    "settings": frozenset({WINDOW}),
}
