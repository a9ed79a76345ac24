"""Which resource opens which operation, and which roles have which resources (contract 02 §1).

Every route names its operation, by `requires` or `open_to_all` of `api/dependencies.py`; one of
the operation's resources suffices. `KEY` is a resource that every app key has and no shopper.
"""

from collections.abc import Collection, Mapping

KEY = "An app key of the account"
VIEW, LIST, FULL = "View order", "List Orders", "Orders Full Access"
WORKFLOW, CANCEL = "Change order workflow status", "Cancel order"
INVOICE, REFUND, PAYMENT = "Notify invoice", "Notify refund", "Notify payment"
CHANGE, FORM, WINDOW = (
    "Change order",
    "Save Order Configuration",
    "Save OrderForm Configuration",
)
FEED_VIEW, FEED_ADMIN = "Feed v3 and Hook view only", "Feed v3 and Hook Admin"
MY_CONTRACT, MY_UNIT = "ViewMyContractOrders", "ViewMyOrgUnitOrders"
CART = "Shopping Cart Full Access"  # manual prices, gift cards, unmasked data of others
PLACE = "Place Orders"  # and name the profile of who ordered
SELLERS_VIEW, SELLERS_SAVE = "View Seller", "Save Seller"
SHOPPERS = "Issue shopper tokens"  # ours: whoever has it may look at orders as any shopper
# Ours, for the people and keys of an account, and for the whole deployment.
USERS, KEYS, DEPLOYMENT = "Manage users", "Manage keys", "Manage deployment"

FEED = frozenset({FEED_VIEW, FEED_ADMIN})
# Without `Orders Full Access`, which is the Checkout Admin's alone: it would open the list too.
OMS = frozenset({VIEW, LIST, WORKFLOW, CANCEL, INVOICE, REFUND, PAYMENT, CHANGE})
EVERY = OMS | FEED | {FULL, FORM, WINDOW, PLACE, CART}
EVERY |= {MY_CONTRACT, MY_UNIT, SHOPPERS, USERS, KEYS, SELLERS_VIEW, SELLERS_SAVE}


POLICIES_EDIT, POLICIES_VIEW, APPROVE = (
    "ManageBuyingPolicies",
    "ViewBuyingPolicies",
    "ApproveOrders",
)
POLICIES = frozenset({POLICIES_EDIT, POLICIES_VIEW, APPROVE})

# Master Data; no predefined role but the owner's has any of them.
MD_READ, MD_WRITE = "Read only documents", "Insert or update document (not remove)"
MD_FULL, MD_ADMIN = "Full access to all documents", "Master Data administrator"
MD_INDEX, MD_INDICES = "View index details", "List index"
MD_INDEX_EDIT, MD_INDEX_CREATE, MD_INDEX_REMOVE = "Edit index", "Create index", "Remove index"
MD_ENTITIES, MD_ENTITY = "List data entity", "View data entity details"
MASTER_DATA = frozenset(
    {
        *(MD_READ, MD_WRITE, MD_FULL, MD_ADMIN, MD_INDEX, MD_INDICES, MD_INDEX_EDIT),
        *(MD_INDEX_CREATE, MD_INDEX_REMOVE, MD_ENTITIES, MD_ENTITY),
    }
)


def _role(*resources: str) -> frozenset[str]:
    return frozenset({KEY, *resources})


ROLES: Mapping[str, frozenset[str]] = {
    "Owner": _role(*EVERY, *MASTER_DATA, *POLICIES),
    "OMS - Full access": _role(*OMS, *FEED),
    "IntegrationProfile - Fulfillment Oms": _role(*OMS, *FEED),
    "IntegrationProfile - Fulfillment Gateway Oms": _role(*OMS - {LIST}),
    "IntegrationProfile - Fulfillment Gateway": _role(VIEW, CANCEL, PAYMENT),
    "OMS - Read only": _role(VIEW),
    "Call center operator": _role(VIEW, CART),
    # `View order` would show it every order; it may see those it placed, which a key never did.
    "Call center operator (restricted orders view)": _role(),
    "Checkout Admin": _role(FULL, FORM, WINDOW, CART),
    "Create orders": _role(PLACE),
    "Seller Manager": _role(SELLERS_VIEW, SELLERS_SAVE),
    "Feed reader": _role(FEED_VIEW),
    # Ours, for the back end of a shop window: it places orders and lets shoppers look at theirs.
    "Storefront": _role(FORM, PLACE, SHOPPERS),
}

RESOURCES = frozenset[str]().union(*ROLES.values()) - {KEY}
"""What a key may be given one by one, besides a role or instead of one."""


def resources_of(role: str, single: Collection[str] = ()) -> frozenset[str]:
    """What a key of a role may do that has these resources besides."""
    return ROLES.get(role, frozenset()) | ({KEY, *single} if single else frozenset())


NOBODY_IN_PARTICULAR: frozenset[str] = frozenset()
"""Of an operation that is open to all, without a key."""

OPERATIONS: Mapping[str, frozenset[str]] = {
    # Reading orders
    "get_order": frozenset({VIEW, FULL}),
    "order_group": frozenset({VIEW, FULL}),
    "list_orders": frozenset({LIST, FULL}),
    "extended_search": frozenset({LIST, FULL}),
    "export_orders": frozenset({LIST, FULL}),
    "payment_transaction": frozenset({VIEW}),
    "conversation": frozenset({FULL}),
    "mail_incoming": frozenset({FULL}),
    # Acting on orders
    "start_handling": frozenset({WORKFLOW}),
    "cancel_order": frozenset({CANCEL}),
    "deny_cancellation": frozenset({CANCEL}),
    "cancel_own_order": frozenset({CANCEL}),  # and the shopper whose order it is
    "invoice_order": frozenset({INVOICE, REFUND}),
    "invoice_document": frozenset({INVOICE}),
    "update_invoice": frozenset({INVOICE}),
    "track_invoice": frozenset({INVOICE}),
    "notify_payment": frozenset({PAYMENT}),
    "add_interaction": frozenset({FULL}),
    "change_seller": frozenset({FULL}),
    "change_order": frozenset({CHANGE}),
    "modify_order": frozenset({CHANGE, FULL}),
    "change_summary": frozenset({VIEW, CHANGE, FULL}),
    "window_to_change_seller": frozenset({WINDOW}),
    # Placing
    "place_order": frozenset({KEY}),
    "use_cart": frozenset({KEY}),
    "simulate_cart": NOBODY_IN_PARTICULAR,
    "simulate_cart_with_key": frozenset({KEY}),
    "read_placed_orders": NOBODY_IN_PARTICULAR,  # for who has its cookie, or a key
    "configure_carts": frozenset({WINDOW}),
    "list_carts": frozenset({CART}),
    "read_offers": frozenset({CART, FORM, WINDOW}),
    "place_fulfillment": frozenset({PLACE, FULL, *OMS}),
    "authorize_fulfillment": frozenset({WORKFLOW, FULL}),
    "authorize_chain": frozenset({FULL}),
    "integrate_orders": frozenset({PLACE, FULL, *OMS}),
    # Partners outside the deployment
    "read_sellers": frozenset({SELLERS_VIEW, SELLERS_SAVE}),
    "write_sellers": frozenset({SELLERS_SAVE}),
    "manage_affiliates": frozenset({FORM, WINDOW}),
    "send_payments": frozenset({KEY}),
    "process_order": frozenset({FORM}),
    # Transactions
    "start_transaction": frozenset({KEY}),
    "read_transaction": frozenset({VIEW, FULL}),
    "authorize_transaction": frozenset({FORM}),
    "settle_transaction": frozenset({INVOICE}),
    "refund_transaction": frozenset({REFUND}),
    "cancel_transaction": frozenset({CANCEL}),
    # Feed and hook
    "feed_config_read": FEED,
    "feed_config_write": frozenset({FEED_ADMIN}),
    "feed_read": FEED,
    "feed_commit": FEED,
    "hook_config_read": FEED,
    "hook_config_write": frozenset({FEED_ADMIN}),
    "test_expression": frozenset({KEY}),
    # The ledger itself
    "order_history": frozenset({VIEW, FULL}),
    "account_events": frozenset({LIST, FULL}),
    "erase_person": frozenset({FULL}),
    "import_orders": frozenset({FULL}),
    "jobs": frozenset({KEY}),  # and that of the operation that a kind of job belongs to
    "order_deliveries": frozenset({VIEW, FULL, *FEED}),
    # With the operations that every kind of subscription has: `projections.subscriptions.registry`.
    "feed_peek": FEED,
    "hook_state": FEED,
    "hook_pause": frozenset({FEED_ADMIN}),
    "hook_rotate": frozenset({FEED_ADMIN}),
    # Shoppers and tokens. A shopper's token opens the user's orders besides these resources.
    "user_orders": frozenset({VIEW, MY_CONTRACT, MY_UNIT}),
    "sign_in": NOBODY_IN_PARTICULAR,
    "issue_shopper_token": frozenset({SHOPPERS}),
    # VTEX DO; its published operations name no resource
    "read_tasks": frozenset({VIEW, FULL}),
    "write_tasks": frozenset({WORKFLOW, FULL}),
    "bulk_run": frozenset({WORKFLOW, CANCEL, FULL}),
    "find": frozenset({LIST, FULL}),
    "attention": frozenset({KEY}),
    "look_up_person": frozenset({LIST, FULL}),
    # People and keys of the account
    "read_account": frozenset({KEY}),
    "change_account": frozenset({FORM}),
    "account_history": frozenset({USERS, KEYS}),
    "manage_users": frozenset({USERS}),
    "manage_keys": frozenset({KEYS}),
    "read_notes": frozenset({VIEW, FULL}),
    "write_notes": frozenset({WORKFLOW, FULL}),
    # Buying policies
    "read_policies": frozenset({POLICIES_VIEW, POLICIES_EDIT}),
    "write_policies": frozenset({POLICIES_EDIT}),
    "read_authorization": frozenset({POLICIES_VIEW, APPROVE}),
    "decide_policy": frozenset({APPROVE}),
    # Master Data
    "read_documents": frozenset({MD_READ, MD_WRITE, MD_FULL, MD_ADMIN}),
    "write_documents": frozenset({MD_WRITE, MD_FULL, MD_ADMIN}),
    "delete_documents": frozenset({MD_FULL, MD_ADMIN}),
    "read_schemas": frozenset({MD_READ, MD_WRITE, MD_FULL, MD_ADMIN}),
    "write_schemas": frozenset({MD_ADMIN}),
    "public_schema": NOBODY_IN_PARTICULAR,
    "list_indices": frozenset({MD_INDEX, MD_INDICES, MD_ADMIN}),
    "read_index": frozenset({MD_INDEX, MD_ADMIN}),
    "write_index": frozenset({MD_INDEX_EDIT, MD_INDEX_CREATE, MD_ADMIN}),
    "delete_index": frozenset({MD_INDEX_REMOVE, MD_ADMIN}),
    "manage_triggers": frozenset({MD_ADMIN}),
    "mail_templates": frozenset({FORM}),
    "list_entities": frozenset({MD_ENTITIES, MD_ADMIN}),
    "read_entity": frozenset({MD_ENTITY, MD_ADMIN}),
    # The deployment
    "health": NOBODY_IN_PARTICULAR,
    "deployment_token": NOBODY_IN_PARTICULAR,
    "documentation": NOBODY_IN_PARTICULAR,
    "system": frozenset({DEPLOYMENT}),
    "view_calls": frozenset({VIEW, FULL}),
    "mend_calls": frozenset({WORKFLOW, FULL}),
}
