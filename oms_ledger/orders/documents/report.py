"""The published "Order report": its columns, and an order as rows, one for each SKU line.

Fields of the order are repeated on every row. Money is in currency units with a point and two
decimals, instants are in the zone asked for, with its offset. The page swaps the numbers of
Input and Output invoices; here they follow the names of their columns.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from oms_ledger.orders.documents.list_row import part_of
from oms_ledger.orders.documents.search_terms import objects
from oms_ledger.orders.instants import in_zone, parse
from oms_ledger.orders.status import Status, label

COLUMNS = (
    *("Origin", "Order", "Sequence", "Creation Date", "Client Name", "Client Last Name"),
    *("Client Document", "Email", "Phone", "UF", "City", "Address Identification"),
    *("Address Type", "Receiver Name", "Street", "Number", "Complement", "Neighborhood"),
    *("Reference", "Postal Code", "SLA Type", "Courier", "Estimate Delivery Date"),
    *("Delivery Deadline", "Status", "Last Change Date", "UtmMedium", "UtmSource"),
    *("UtmCampaign", "Coupon", "Payment System Name", "Installments", "Payment Value"),
    *("Quantity_SKU", "ID_SKU", "Category Ids Sku", "Reference Code", "SKU Name", "SKU Value"),
    *("SKU Selling Price", "SKU Total Price", "SKU Path", "Item Attachments", "List Id"),
    *("List Type Name", "Service (Price / Selling Price)", "Shipping List Price"),
    *("Shipping Value", "Total Value", "Discounts Totals", "Discounts Names"),
    *("Call Center Email", "Call Center Code", "Tracking Number", "Host", "GiftRegistry ID"),
    *("Seller Name", "Status TimeLine", "Note", "UtmiPart", "UtmiCampaign", "UtmiPage"),
    *("Seller Order Id", "Acquirer", "Authorization Id", "TID", "NSU", "Card First Digits"),
    *("Card Last Digits", "Payment Approved By", "Cancelled By", "Cancellation Reason"),
    *("Gift Card Name", "Gift Card Caption", "Authorized Date", "Corporate Name"),
    *("Corporate Document", "TransactionId", "PaymentId", "SalesChannel", "marketingTags"),
    *("Delivered", "SKU RewardValue", "Is Marketplace certified", "Is checked in"),
    *("Currency Code", "Taxes", "Invoice Numbers", "Country", "Input Invoices Numbers"),
    *("Output Invoices Numbers", "Status raw value (temporary)", "Cancellation Data"),
)
NUMBERS = frozenset(
    {
        *("Installments", "Payment Value", "Quantity_SKU", "SKU Value", "SKU Selling Price"),
        *("SKU Total Price", "Shipping List Price", "Shipping Value", "Total Value"),
        *("Discounts Totals", "SKU RewardValue", "Taxes"),
    }
)
"""Columns whose cells are numbers of ours, or empty."""

Json = Mapping[str, Any]
Timeline = Sequence[tuple[str, datetime]]


def report_rows(
    document: Json, timeline: Timeline, *, delivered: bool, zone: tzinfo, language: str
) -> list[list[str]]:
    """The rows of an order by its OMS document, in the order of `COLUMNS`."""
    whole = _of_order(document, timeline, zone, language)
    whole["Delivered"] = _flag(delivered)
    return [
        [cells.get(column, "") for column in COLUMNS]
        for index, item in enumerate(document["items"])
        for cells in [whole | _of_line(document, index, item, zone)]
    ]


def _of_order(document: Json, timeline: Timeline, zone: tzinfo, language: str) -> dict[str, str]:
    status, canceled = document["status"], document["cancellationData"] or {}
    registry = part_of(document["giftRegistryData"])
    operator = part_of(document["callCenterOperatorData"])
    packages = document["packageAttachment"]["packages"]
    totals = {total["id"]: total["value"] for total in document["totals"]}
    note = document["openTextField"]
    return {
        **_person(document),
        **_payments(document),
        **_marketing(document["marketingData"] or {}),
        "Origin": document["origin"],
        "Order": document["orderId"],
        "Sequence": document["sequence"],
        "Creation Date": _instant(document["creationDate"], zone),
        "Status": _text(label(Status(status) if status else None, language)),
        "Last Change Date": _instant(document["lastChange"], zone),
        "List Id": _text(registry.get("giftRegistryId")),
        "List Type Name": _text(registry.get("giftRegistryTypeName")),
        "GiftRegistry ID": _text(registry.get("giftRegistryId")),
        "Total Value": money(document["value"]),
        "Discounts Totals": money(totals.get("Discounts", 0)),
        "Discounts Names": _joined(
            one.get("name")
            for one in objects(document["ratesAndBenefitsData"].get("rateAndBenefitsIdentifiers"))
        ),
        "Call Center Email": _text(operator.get("email")),
        "Call Center Code": _text(operator.get("id")),
        "Tracking Number": _joined(package["trackingNumber"] for package in packages),
        "Host": document["hostname"],
        "Status TimeLine": _joined(f"{content} {_local(at, zone)}" for content, at in timeline),
        "Note": _text(note.get("value") if isinstance(note, Mapping) else note),
        "Seller Order Id": document["sellerOrderId"],
        "Payment Approved By": _text(document.get("approvedBy")),
        "Cancelled By": _canceled_by(canceled),
        "Cancellation Reason": _text(document["cancelReason"]),
        "Cancellation Data": _text(canceled.get("Reason")),
        "Authorized Date": _instant(document["authorizedDate"], zone),
        "SalesChannel": _text(document["salesChannel"]),
        "Is Marketplace certified": _flag(
            bool(part_of(document["marketplace"]).get("isCertified"))
        ),
        "Is checked in": _flag(document["isCheckedIn"]),
        "Currency Code": _text(document["storePreferencesData"].get("currencyCode")),
        "Invoice Numbers": _joined(package["invoiceNumber"] for package in packages),
        "Input Invoices Numbers": _numbers(packages, "Input"),
        "Output Invoices Numbers": _numbers(packages, "Output"),
        "Status raw value (temporary)": _text(status),
    }


def _person(document: Json) -> dict[str, str]:
    profile = document["clientProfileData"]
    address = document["shippingData"]["address"] or {}
    return {
        "Client Name": _text(profile["firstName"]),
        "Client Last Name": _text(profile["lastName"]),
        "Client Document": _text(profile["document"]),
        "Email": _text(profile["email"]),
        "Phone": _text(profile["phone"]),
        "Corporate Name": _text(profile["corporateName"]),
        "Corporate Document": _text(profile["corporateDocument"]),
        "UF": _text(address.get("state")),
        "City": _text(address.get("city")),
        "Address Identification": _text(address.get("addressId")),
        "Address Type": _text(address.get("addressType")),
        "Receiver Name": _text(address.get("receiverName")),
        "Street": _text(address.get("street")),
        "Number": _text(address.get("number")),
        "Complement": _text(address.get("complement")),
        "Neighborhood": _text(address.get("neighborhood")),
        "Reference": _text(address.get("reference")),
        "Postal Code": _text(address.get("postalCode")),
        "Country": _text(address.get("country")),
    }


def _payments(document: Json) -> dict[str, str]:
    transactions = document["paymentData"]["transactions"]
    payments = [payment for one in transactions for payment in one["payments"]]

    def each(name: str) -> str:
        return _joined(payment[name] for payment in payments)

    def answer(name: str) -> str:
        content = (payment["connectorResponses"] or {} for payment in payments)
        found = (v for one in content for key, v in one.items() if key.lower() == name)
        return _joined(found)

    return {
        "Payment System Name": each("paymentSystemName"),
        "Installments": str(payments[0]["installments"]) if payments else "",
        "Payment Value": money(sum(payment["value"] for payment in payments)),
        "Acquirer": answer("acquirer"),
        "Authorization Id": answer("authid"),
        "TID": each("tid") or answer("tid"),
        "NSU": answer("nsu"),
        "Card First Digits": each("firstDigits"),
        "Card Last Digits": each("lastDigits"),
        "Gift Card Name": each("giftCardName"),
        "Gift Card Caption": each("giftCardCaption"),
        "TransactionId": _joined(one["transactionId"] for one in transactions),
        "PaymentId": each("id"),
    }


def _marketing(marketing: Json) -> dict[str, str]:
    columns = {
        "UtmMedium": "utmMedium",
        "UtmSource": "utmSource",
        "UtmCampaign": "utmCampaign",
        "Coupon": "coupon",
        "UtmiPart": "utmiPart",
        "UtmiCampaign": "utmiCampaign",
        "UtmiPage": "utmipage",
    }
    content = {column: _text(marketing.get(name)) for column, name in columns.items()}
    return content | {"marketingTags": _joined(marketing.get("marketingTags") or ())}


def _of_line(document: Json, index: int, item: Json, zone: tzinfo) -> dict[str, str]:
    logistics = document["shippingData"]["logisticsInfo"]
    line = next((one for one in logistics if one["itemIndex"] == index), None) or {}
    names = {seller["id"]: seller["name"] for seller in document["sellers"]}
    return {
        "SLA Type": _text(line.get("selectedSla")),
        "Courier": _joined(one["courierName"] for one in line.get("deliveryIds") or ()),
        "Estimate Delivery Date": _instant(line.get("shippingEstimateDate"), zone),
        "Delivery Deadline": _text(line.get("shippingEstimate")),
        "Shipping List Price": money(line.get("listPrice")),
        "Shipping Value": money(line.get("sellingPrice")),
        "Quantity_SKU": str(item["quantity"]),
        "ID_SKU": _text(item["id"]),
        "Category Ids Sku": _text(item["additionalInfo"]["categoriesIds"]),
        "Reference Code": _text(item["refId"]),
        "SKU Name": _text(item["name"]),
        "SKU Value": money(item["price"]),
        "SKU Selling Price": money(item["sellingPrice"]),
        "SKU Total Price": money(item["priceDefinition"]["total"]),
        "SKU Path": _text(item["detailUrl"]),
        "Item Attachments": _joined(
            one.get("name") if isinstance(one, Mapping) else one for one in item["attachments"]
        ),
        "Service (Price / Selling Price)": _joined(
            f"{one.get('name') or one.get('id')} ({money(one.get('price'))} /"
            f" {money(one.get('sellingPrice', one.get('price')))})"
            for one in item["bundleItems"]
            if isinstance(one, Mapping)
        ),
        "Seller Name": _text(names.get(item["seller"]) or item["seller"]),
        "SKU RewardValue": money(item["rewardValue"]),
        "Taxes": money(item["tax"]) if item["tax"] else "",
    }


# Cells


def money(cents: Any) -> str:
    """Cents as currency units with two decimals; empty for what is no amount."""
    if not isinstance(cents, int) or isinstance(cents, bool):
        return ""
    sign, whole = ("-" if cents < 0 else ""), abs(cents)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _flag(value: Any) -> str:
    return "true" if value else "false"


def _joined(values: Any) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values if value not in (None, "")))


def _instant(content: Any, zone: tzinfo) -> str:
    at = parse(content)
    return _text(content) if at is None else _local(at, zone)


def _local(at: datetime, zone: tzinfo) -> str:
    return in_zone(at, zone).isoformat(timespec="seconds")


def _numbers(packages: Sequence[Json], type: str) -> str:
    return _joined(package["invoiceNumber"] for package in packages if package["type"] == type)


def _canceled_by(canceled: Json) -> str:
    causes = {
        "RequestedByUser": "customer",
        "RequestedBySystem": "system",
        "RequestedBySellerNotification": "seller",
        "RequestedByPaymentNotification": "payment",
    }
    return _joined(cause for name, cause in causes.items() if canceled.get(name))
