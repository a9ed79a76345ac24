"""Results of connectors' operations: published codes, and the envelope around them."""

from typing import Any

from oms_ledger.orders.events import Json

PLACE, APPROVE = "PlaceOrder", "ApproveOrder"
UNKNOWN_FLOW = "Unknown"
ENQUEUED, INTEGRATED, ACCEPTED = "SOI003", "SOI001", "SOI002"
DEFECT, UNMAPPED, NO_SLA, DIVERGES, CART = "EOI000", "EOI001", "EOI002", "EOI003", "EOI004"
FORM, DUPLICATE, NOT_INTEGRATED = "EOI005", "EOI007", "EOI008"
BROKEN = "EOI006"
NOT_APPROVABLE, TIMED_OUT, WAITS_FOR_PERSON = "EOI009", "EOI010", "EOI011"

MESSAGES = {
    ENQUEUED: "Order successfully enqueued",
    INTEGRATED: "Order integrated successfully",
    ACCEPTED: "Order approved successfully",
    DEFECT: "Unknown error",
    UNMAPPED: "Unmapped error",
    NO_SLA: "SLA not available",
    DIVERGES: "Price divergence",
    CART: "Invalid cart",
    FORM: "Validation error",
    BROKEN: "VTEX unexpected error",
    DUPLICATE: "Duplicated order",
    NOT_INTEGRATED: "Cannot approve an order that is not integrated yet",
    NOT_APPROVABLE: "Order out of valid status to approve",
    TIMED_OUT: "Request timed out",
    WAITS_FOR_PERSON: "Price divergence waits for manual authorization",
}
_INNER = {
    **dict.fromkeys(("FMT001", "FMT002", "FMT003", "FMT004", "FMT005"), NO_SLA),
    **dict.fromkeys(("FMT010", "FMT0059", "FMT0061"), NO_SLA),
    **dict.fromkeys(("FMT006", "FMT007"), DIVERGES),
    **dict.fromkeys(("FMT0026", "FMT0039", "FMT0040", "FMT0043", "FMT0067", "FMT0104"), CART),
    **dict.fromkeys(("ORD007", "CHK0017"), FORM),
    **dict.fromkeys(("FMT009", "FMT0060"), DUPLICATE),
    "FMT0056": NOT_APPROVABLE,
    WAITS_FOR_PERSON: WAITS_FOR_PERSON,
}
_OF_THE_MINIMUM = "minimum value"


def code_of(inner: str, message: str) -> str:
    """The code of a result whose operation was refused with another code."""
    if inner == "FMT0042" and _OF_THE_MINIMUM in message:
        return CART
    known = _INNER.get(inner)
    return known or (FORM if inner.startswith("FMT") else UNMAPPED)


def error(source: str, code: str, description: str) -> Json:
    """One entry of a result's `errors`, in the published form."""
    return {"source": source, "code": code, "description": description}


def source_of(inner: str) -> str:
    """Which part of the platform refuses with such a code."""
    if inner.startswith("FMT"):
        return "Fulfillment"
    return "Order Integration" if inner.startswith("EOI") else "Checkout"


def envelope(
    code: str,
    flow: str,
    *,
    marketplace_order_id: str | None = None,
    account: str | None = None,
    operation_id: str | None = None,
    errors: list[Json] | None = None,
    order_id: str | None = None,
    franchise_order_id: str | None = None,
) -> dict[str, Any]:
    """An answer or a notification as published."""
    success = code.startswith("SOI")
    fields = None
    if success and order_id:
        fields = {"mainOrderId": order_id, "franchiseOrderId": franchise_order_id}
    return {
        "marketplaceOrderId": marketplace_order_id,
        "accountName": account,
        "code": code,
        "flow": flow,
        "success": success,
        "operationId": operation_id,
        "errors": errors,
        "fields": fields,
        "message": MESSAGES[code],
    }
