"""The row of an order in List orders."""

from collections.abc import Mapping
from typing import Any

from oms_ledger.orders.conversation.messages import last_message
from oms_ledger.orders.documents.deliveries import any_delivered, delivered, estimate_of
from oms_ledger.orders.documents.shape_parts import STORE_PREFERENCES
from oms_ledger.orders.instants import parse, seconds
from oms_ledger.orders.order import Order
from oms_ledger.orders.parts import BESIDES
from oms_ledger.orders.status import label


def list_row(order: Order, language: str = "en-US") -> dict[str, Any]:
    """An order as the list of orders shows it; `statusDescription` is in the language."""
    placed = order.placed
    content = {**placed.details, **(placed.client_profile.get(BESIDES) or {})}
    estimate = seconds(latest_estimate(order))
    profile = placed.client_profile
    names = (profile.get("firstName"), profile.get("lastName"))
    registry = part_of(content.get("giftRegistryData"))
    operator = part_of(content.get("callCenterOperatorData"))
    return {
        "orderId": order.order_id,
        "creationDate": seconds(order.created_at),
        "clientName": " ".join(name for name in names if name),
        "items": None,
        "totalValue": order.value,
        "paymentNames": ", ".join(dict.fromkeys(p.payment_system_name for p in order.payments)),
        "status": order.status and order.status.value,
        "statusDescription": label(order.status, language),
        "marketPlaceOrderId": placed.marketplace_order_id,
        "sequence": str(placed.sequence),
        "salesChannel": placed.sales_channel,
        "affiliateId": placed.affiliate_id,
        "origin": order.origin,
        "workflowInErrorState": bool(order.failed_messages or content.get("workflowIsInError")),
        "workflowInRetry": False,
        "lastMessageUnread": last_message(order) or content.get("lastMessage"),
        "ShippingEstimatedDate": estimate,
        "ShippingEstimatedDateMax": estimate,
        "ShippingEstimatedDateMin": None,
        "orderIsComplete": order.status is not None,
        "listId": registry.get("giftRegistryId"),
        "listType": registry.get("giftRegistryTypeName"),
        "authorizedDate": seconds(order.authorized_at),
        "callCenterOperatorName": operator.get("userName"),
        "totalItems": sum(item.quantity for item in order.items),
        "currencyCode": placed.store_preferences.get("currencyCode")
        or STORE_PREFERENCES["currencyCode"],
        "isAllDelivered": delivered(order),
        "isAnyDelivered": any_delivered(order),
    }


def part_of(given: Any) -> Mapping[str, Any]:
    """A part that is kept as it came: empty when it is no object."""
    return given if isinstance(given, Mapping) else {}


def latest_estimate(order: Order) -> Any:
    """The instant by which the last line is promised; None when no line says so."""
    promised = (estimate_of(order, line) for line in order.logistics)
    instants = (parse(at) if isinstance(at, str) else at for at in promised)
    return max((at for at in instants if at), default=None)
