"""The row of an order in `/api/orders/extendsearch/orders`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from oms_ledger.orders.documents.deliveries import estimate_of
from oms_ledger.orders.documents.list_row import list_row, part_of
from oms_ledger.orders.documents.pii import pii_document
from oms_ledger.orders.documents.search_terms import in_store, objects
from oms_ledger.orders.instants import PII_ZONE, parse
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status

Row = dict[str, Any]


def search_row(order: Order) -> Row:
    """An order as the extended search shows it; values in cents."""
    document, row = pii_document(order), list_row(order)
    profile = document["clientProfileData"]
    operator = part_of(document["callCenterOperatorData"])
    promotions = objects(
        part_of(document["ratesAndBenefitsData"]).get("rateAndBenefitsIdentifiers")
    )
    packages = document["packageAttachment"]["packages"]
    transactions = document["paymentData"]["transactions"]
    payments = [payment for one in transactions for payment in one["payments"]]
    reached = {status: at for status, at in reversed(order.timeline)}
    approved = reached.get(Status.PAYMENT_APPROVED) or order.authorized_at
    promised = sorted(_instants(estimate_of(order, line) for line in order.logistics))
    return {
        "paymentNames": row["paymentNames"],
        "orderId": order.order_id,
        "orderGroup": order.placed.order_group,
        "sequence": row["sequence"],
        "clientEmail": profile["email"],
        "clientDocument": profile["document"],
        "clientCorporateDocument": profile["corporateDocument"],
        "clientCorporateName": profile["corporateName"],
        "clientName": row["clientName"],
        "totalValue": order.value,
        "origin": order.origin,
        "status": row["status"],
        "currencyCode": row["currencyCode"],
        "sellerNames": [seller["name"] for seller in document["sellers"]],
        "sellerIds": [seller["id"] for seller in document["sellers"]],
        "sellerOrderId": document["sellerOrderId"],
        "totalItems": row["totalItems"],
        "pciTransactionId": _terms(one["transactionId"] for one in transactions),
        "paymentNSU": _terms(_said(payment, "nsu") for payment in payments),
        "ratesAndBenefitsNames": _terms(one.get("name") for one in promotions),
        "ratesAndBenefitsIds": _terms(one.get("id") for one in promotions),
        "shippingEstimatedDateMax": _spelled(promised[-1] if promised else None),
        "shippingEstimatedDateMin": _spelled(promised[0] if promised else None),
        "transactionIds": _terms(payment["tid"] or _said(payment, "tid") for payment in payments),
        "paymentIds": _terms(payment["id"] for payment in payments),
        "isInstore": in_store(document),
        "deliveryChannel": _terms(
            line["selectedDeliveryChannel"] for line in document["shippingData"]["logisticsInfo"]
        ),
        "productIds": _terms(item["productId"] for item in document["items"]),
        "hostname": document["hostname"],
        "creationDate": _spelled(order.created_at),
        "invoicedDate": _spelled(order.invoiced_at),
        "authorizedDate": _spelled(order.authorized_at),
        "orderIsComplete": order.status is not None,
        "marketingTags": part_of(document["marketingData"]).get("marketingTags") or [],
        "invoicesOutput": _numbers(packages, "Output"),
        "invoicesInput": _numbers(packages, "Input"),
        "workflowInErrorState": row["workflowInErrorState"],
        "workflowInRetry": row["workflowInRetry"],
        "userProfileId": profile["userProfileId"],
        "lastChange": _spelled(order.changed_at),
        "isAllDelivered": row["isAllDelivered"],
        "isAnyDelivered": row["isAnyDelivered"],
        "giftCardProviders": _terms(p["giftCardProvider"] for p in payments) or None,
        "orderFormId": order.placed.order_form_id,
        "paymentApprovedDate": _spelled(approved),
        "readyForHandlingDate": _spelled(reached.get(Status.READY_FOR_HANDLING)),
        "deliveryDates": _delivered(packages) or None,
        "ingestPipelineMetadata": [],
        "marketplaceWorkflowInstanceId": _instance(document, "Marketplace"),
        "fulfillmentWorkflowInstanceId": _instance(document, "Fulfillment"),
        "callCenterOperatorEmail": operator.get("email"),
        "callCenterOperatorName": operator.get("userName"),
        "productNames": _terms(item["name"] for item in document["items"]),
    }


def _terms(values: Iterable[Any]) -> list[Any]:
    """Each value that says something, once, in its order."""
    plain = (value for value in values if value and isinstance(value, str | int | float))
    return list(dict.fromkeys(plain))


def _spelled(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}{PII_ZONE}"


def _instants(content: Iterable[Any]) -> Iterable[datetime]:
    for at in content:
        found = parse(at) if isinstance(at, str) else at
        if found:
            yield found


def _said(payment: Row, name: str) -> Any:
    answer = payment["connectorResponses"]
    found = (v for k, v in answer.items() if k.lower() == name) if isinstance(answer, dict) else ()
    return next(iter(found), None)


def _numbers(packages: list[Row], type: str) -> list[str] | None:
    return _terms(p["invoiceNumber"] for p in packages if p["type"] == type) or None


def _delivered(packages: list[Row]) -> list[str]:
    return _terms(part_of(package["courierStatus"]).get("deliveredDate") for package in packages)


def _instance(document: Row, name: str) -> str | None:
    instances = objects(part_of(document["workflowData"]).get("instances"))
    found = (one for one in instances if one.get("workflowName") == name)
    return next((one.get("workflowInstanceId") for one in found), None)
