"""What the documents tell of an order, folded once, by camelCase names; instants as datetimes.

The parts that no rule looks into come as they were placed; what is derived stands over them.
"""

from hashlib import blake2s
from typing import Any

from oms_ledger.orders.cancelability import may_cancel
from oms_ledger.orders.changes.allowed import may_change
from oms_ledger.orders.documents.changes import changes_attachment
from oms_ledger.orders.documents.deliveries import packages, shipping_data
from oms_ledger.orders.documents.lines import item_metadata, items, totals
from oms_ledger.orders.documents.payments import payment_data
from oms_ledger.orders.documents.steps import cancellation_data, cancellation_requests
from oms_ledger.orders.order import Order

Facts = dict[str, Any]

# Under this name a person's profile carries parts of the document that also tell of the person,
# so that they are erased together.
BESIDES = "besides"


def facts_of(order: Order) -> Facts:
    placed = order.placed
    told = {**placed.details, **(placed.client_profile.get(BESIDES) or {})}
    cancellation = cancellation_data(order)
    requests = cancellation_requests(order, told.get("cancellationRequests") or [])
    if cancellation is not None and requests:
        cancellation["cancellationRequestId"] = requests[-1]["id"]
    lines = items(order)
    return {
        **told,
        "id": order.order_id,
        "orderId": order.order_id,
        "sequence": str(placed.sequence),
        "marketplaceOrderId": placed.marketplace_order_id,
        "marketplaceServicesEndpoint": told.get("marketplaceServicesEndpoint"),
        "sellerOrderId": order.seller_order_id or f"00-{order.order_id}",
        "origin": order.origin,
        "affiliateId": placed.affiliate_id,
        "salesChannel": placed.sales_channel,
        "merchantName": placed.merchant_name,
        "status": order.status and order.status.value,
        "state": order.status and order.status.value,
        "value": order.value,
        "creationDate": order.created_at,
        "lastChange": order.changed_at,
        "orderGroup": placed.order_group,
        "followUpEmail": told.get("followUpEmail") or _alias(order, "followUp"),
        "hostname": told.get("hostname") or order.account,
        "isCompleted": order.status is not None,
        "orderFormId": placed.order_form_id,
        "allowCancellation": may_cancel(order),
        "workflowIsInError": bool(order.failed_calls or told.get("workflowIsInError")),
        "allowEdition": may_change(order),
        "authorizedDate": order.authorized_at,
        "invoicedDate": order.invoiced_at,
        "cancelReason": cancellation and cancellation["reason"],
        "totals": totals(order),
        "sellers": _sellers(order, told.get("sellers") or []),
        "clientPreferencesData": placed.preferences,
        "cancellationData": cancellation,
        "cancellationRequests": requests,
        "itemMetadata": told.get("itemMetadata") or item_metadata(lines),
        "storePreferencesData": placed.store_preferences,
        "customData": placed.custom_data or None,
        "openTextField": None if placed.open_text is None else {"value": placed.open_text},
        "invoiceData": _invoice_data(placed.invoice_data),
        "changesAttachment": changes_attachment(order, told.get("changesAttachment")),
        "packageAttachment": {"packages": packages(order)},
        "paymentData": payment_data(order),
        "shippingData": shipping_data(order, told.get("shippingData") or {}),
        "marketingData": placed.marketing,
        "clientProfileData": placed.client_profile,
        "items": lines,
    }


def _invoice_data(given: Facts) -> Facts | None:
    return given if given.keys() - {"billing"} else None


def _sellers(order: Order, told: list[Facts]) -> list[Facts]:
    for seller in told:
        if seller.get("id") == order.seller:
            return told
    endpoint = "http://fulfillment.vtexcommerce.com.br/api/fulfillment?an="
    account = order.account if order.seller == "1" else order.seller
    return [
        {
            "id": order.seller,
            "name": order.seller_name,
            "fulfillmentEndpoint": f"{endpoint}{account}",
        }
    ]


def _alias(order: Order, purpose: str) -> str:
    """A mail address that stands for the customer's, stable per order."""
    name = f"{purpose}/{order.account}/{order.order_id}".encode()
    return f"{blake2s(name, digest_size=16).hexdigest()}@ct.{order.account}.com"


def tracked_alias(order: Order) -> str:
    return _alias(order, "tracked")
