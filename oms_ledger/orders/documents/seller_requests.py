"""Requests to a seller outside the deployment, by the published protocol for external sellers.

Bodies are made of the order when the request is made, so that nothing personal is kept apart.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from oms_ledger.orders.documents.derived_fields import follow_up_alias
from oms_ledger.orders.documents.lines import item_facts
from oms_ledger.orders.events import Item, Json
from oms_ledger.orders.instants import spell
from oms_ledger.orders.marketplace.shared_payments import payment_methods
from oms_ledger.orders.order import CancellationRequest, Order
from oms_ledger.orders.payments.balances import Balance
from oms_ledger.orders.totals import freight_tax, shipping_price

_PROFILE = (
    *("firstName", "lastName", "documentType", "document", "phone", "corporateName"),
    *("tradeName", "corporateDocument", "stateInscription", "corporatePhone"),
)
_ITEM = ("name", "value", "rawValue", "isPercentual", "identifier")
_CONNECTOR = ("acquirerCnpj", "authId", "Message")


def placement(
    order: Order,
    *,
    endpoint: str,
    shares_email: bool = False,
    product_commission: Decimal = Decimal(0),
    freight_commission: Decimal = Decimal(0),
) -> Json:
    """The order as its seller gets it; commissions are in per cent, `endpoint` is where we answer.

    Its prices, tags and deliveries add up to its value.
    """
    placed = order.placed
    address = placed.address
    chosen = address.get("selectedAddresses") or ([address] if address else [])
    return {
        "marketplaceOrderId": order.order_id,
        "marketplaceOrderGroup": placed.order_group,
        "marketplaceServicesEndpoint": endpoint,
        "marketplacePaymentValue": order.value,
        "marketplacePaymentReferenceValue": order.value,
        "isCreatedAsync": True,
        "items": [
            {
                **_item(item, _taxes(order, index, item)),
                "commission": _hundredths(product_commission),
                "freightCommission": _hundredths(freight_commission),
            }
            for index, item in enumerate(order.items)
        ],
        "clientProfileData": _profile(order, shares_email=shares_email),
        "shippingData": {
            "id": "shippingData",
            "address": _address(chosen[0] if chosen else {}),
            "selectedAddresses": [_address(one) for one in chosen],
            "logisticsInfo": [_delivery(line) for line in order.logistics],
            "isFob": False,
            "trackingHints": [],
        },
        "paymentData": None,
        "invoiceData": {"userPaymentInfo": {"paymentMethods": payment_methods(order)}},
        "customData": placed.custom_data or None,
        "marketingData": placed.marketing,
        "openTextField": None if placed.open_text is None else {"value": placed.open_text},
    }


def authorization(order: Order, *, shares_payment: bool) -> Json:
    """The order is paid; how, only where the account shares that."""
    body: Json = {
        "marketplaceOrderId": order.order_id,
        "marketplaceOrderGroup": order.placed.order_group,
    }
    payments = [_payment(one) for one in order.balances] if shares_payment else []
    if payments:
        body["paymentData"] = {
            "payments": payments,
            "connectorResponses": payments[0]["connectorResponses"],
        }
    return body


def cancellation(order: Order, *, request_id: str, request: CancellationRequest | None) -> Json:
    """A question while its decision is open, else the fact that the order is canceled here."""
    started = order.cancellation
    first = request or (order.requests[-1] if order.requests else None)
    at = first.at if first else order.canceled_at or order.changed_at
    by_user = first.requested_by_user if first else started is not None and started.by == "user"
    reason = (first.reason if first else None) or (started.reason if started else None)
    return {
        "marketplaceOrderId": order.order_id,
        "marketplaceOrderGroup": order.placed.order_group,
        "cancellationRequestId": request_id,
        "cancellationRequestDate": spell(at, "+00:00"),
        "reason": reason or "",
        "requestedByUser": by_user,
    }


def _item(item: Item, taxes: int) -> Json:
    shown = item_facts(item, None)
    tags = [{name: tag.get(name) for name in _ITEM} for tag in shown["priceTags"]]
    if taxes:
        tags.append(
            {
                "name": "tax@price-order",
                "value": taxes,
                "rawValue": taxes / 100,
                "isPercentual": False,
                "identifier": None,
            }
        )
    return {
        "id": str(shown["sellerSku"]),
        "quantity": item.quantity,
        "seller": item.seller,
        "price": item.price,
        "bundleItems": shown.get("bundleItems") or [],
        "itemAttachment": shown.get("itemAttachment") or {"name": None, "content": {}},
        "attachments": shown.get("attachments") or [],
        "priceTags": tags,
        "measurementUnit": shown.get("measurementUnit") or "un",
        "unitMultiplier": shown["unitMultiplier"],
        "isGift": bool(shown.get("isGift")),
    }


def _taxes(order: Order, index: int, item: Item) -> int:
    """Taxes beside the tags, which the protocol has no field for: of a line and its freight."""
    freight = sum(freight_tax(one) for one in order.logistics if one.get("itemIndex") == index)
    return item.tax * item.quantity + freight


def _hundredths(percent: Decimal) -> int:
    return int((percent * 100).to_integral_value())


def _profile(order: Order, *, shares_email: bool) -> Json:
    given = order.placed.client_profile
    email = given.get("email") if shares_email else None
    return {
        "id": "clientProfileData",
        "email": email or follow_up_alias(order),
        **{name: given.get(name) for name in _PROFILE},
        "isCorporate": bool(given.get("isCorporate")),
        "userProfileId": None,
    }


def _address(given: Mapping[str, Any]) -> Json:
    beside = {"selectedAddresses", "availableAddresses", "contactInformation", "contactsInfo"}
    return {name: value for name, value in given.items() if name not in beside}


def _delivery(line: Json) -> Json:
    return {
        "itemIndex": line.get("itemIndex") or 0,
        "selectedSla": line.get("selectedSla"),
        "selectedDeliveryChannel": line.get("selectedDeliveryChannel") or "delivery",
        "lockTTL": line.get("lockTTL"),
        "shippingEstimate": line.get("shippingEstimate"),
        "price": shipping_price(line),
        "deliveryWindow": line.get("deliveryWindow"),
    }


def _payment(balance: Balance) -> Json:
    payment = balance.payment
    connector = balance.answer.connector if balance.answer else {}
    known = {str(name).casefold(): value for name, value in connector.items()}
    return {
        "paymentSystem": payment.payment_system,
        "paymentSystemName": payment.payment_system_name,
        "value": payment.value,
        "installments": payment.installments,
        "referenceValue": payment.reference_value,
        "group": payment.group,
        "connectorResponses": {
            name: str(known[name.casefold()]) for name in _CONNECTOR if known.get(name.casefold())
        },
    }
