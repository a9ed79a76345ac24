"""What an imported document says and no event has a field for: kept as it came, and shown again."""

from typing import Any

from oms_ledger.orders.parsing import Part, maybe_instant, part_of, section, sections, text
from oms_ledger.orders.parts import BESIDES
from oms_ledger.orders.status import Status

Json = dict[str, Any]

CANCELED = (Status.CANCEL, Status.CANCELED)


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Parts of the document that an event says by itself; the rest is kept as details.
_ORDER = _names(
    "id orderId sequence marketplaceOrderId sellerOrderId origin affiliateId salesChannel "
    "merchantName status state statusDescription value creationDate lastChange orderGroup "
    "isCompleted orderFormId allowCancellation allowEdition authorizedDate invoicedDate "
    "cancelReason totals clientPreferencesData cancellationData storePreferencesData "
    "customData openTextField invoiceData packageAttachment paymentData shippingData "
    "marketingData clientProfileData items timeZoneCreationDate timeZoneLastChange piiHidden "
    "finished"
)
# Parts about the person: they go with the profile, and are erased with it.
_PERSONAL = _names(
    "followUpEmail emailTracked lastMessage giftRegistryData contextData fingerPrint "
    "cancellationRequests"
)
# Of these an event knows an empty text; the document may have said null.
_EMPTY_TEXTS = _names(
    "merchantName marketplaceOrderId affiliateId orderFormId sellerOrderId salesChannel"
)
_INSTANTS = _names(
    "creationDate lastChange authorizedDate invoicedDate timeZoneCreationDate timeZoneLastChange"
)
ITEM = _names("uniqueId id seller quantity price unitMultiplier priceTags tax")
PRICE_TAG = _names("name identifier isPercentual")
PAYMENT = _names("id paymentSystem paymentSystemName group value referenceValue installments")
CARD = _names("cardHolder cardNumber cvv2 expireMonth expireYear billingAddress")
PACKAGE = _names("invoiceNumber invoiceValue type EnableInferItems enableInferItems")
ADDRESSES = ("selectedAddresses", "availableAddresses", "contactInformation", "contactsInfo")
_PAYMENTS = _names("transactions giftCards")


def beside(part: Part, fields: frozenset[str]) -> Json:
    """What a part says besides the fields of its event, and which of those are null."""
    return {key: value for key, value in part.items() if key not in fields or value is None}


def personal(order: Part) -> Json:
    """What goes along with the profile, and is erased with it."""
    besides = {key: order[key] for key in _PERSONAL if key in order}
    return {BESIDES: besides} if besides else {}


def counting(transactions: list[Part]) -> list[Part]:
    """The transactions whose payments pay the order: the active ones, where there is one."""
    return [one for one in transactions if one.get("isActive")] or transactions


def details(order: Part, shipping: Part, payment_data: Part) -> Json:
    """What the event has no field for, as it came: nulls, instants to the digit, whole parts."""
    sections(order, "sellers")
    for request in sections(order, "cancellationRequests"):
        text(request, "id")
    sections(section(order, "receiptData"), "receiptCollection")
    fields = {
        key: value
        for key, value in order.items()
        if (key not in _ORDER and key not in _PERSONAL) or (key in _EMPTY_TEXTS and not value)
    }
    fields["instants"] = {
        key: order[key]
        for key in sorted(_INSTANTS & order.keys())
        if isinstance(order[key], str | None)
    }
    fields["totals"] = [
        {key: value for key, value in total.items() if key != "value"} | {"value": total["value"]}
        for total in sections(order, "totals")
    ]
    fields["shippingData"] = {
        key: value
        for key, value in shipping.items()
        if key not in ("address", "logisticsInfo", *ADDRESSES)
    }
    fields["paymentData"] = _payment_data(payment_data)
    if is_canceled(order):
        fields["cancellationData"] = _cancellation_details(order)
    return fields


def _cancellation_details(order: Part) -> Json:
    """What was said of the cancellation, but for its reason, which is written by a person."""
    given = section(order, "cancellationData")
    maybe_instant(cancellation_data(order), "cancellationDate")
    said = {key[0].lower() + key[1:]: value for key, value in given.items()}
    return {key: value for key, value in said.items() if key != "reason"}


def _payment_data(payment_data: Part) -> Json:
    """The transactions one by one: of those that count the payments' ids, of others all."""
    transactions = sections(payment_data, "transactions")
    counted = counting(transactions)
    return {
        **{key: value for key, value in payment_data.items() if key not in _PAYMENTS},
        **({"giftCards": None} if payment_data.get("giftCards", ()) is None else {}),
        "transactions": [
            {
                **one,
                "payments": [
                    {"id": text(payment, "id")}
                    if one in counted
                    else {k: v for k, v in payment.items() if k not in CARD}
                    for payment in sections(one, "payments")
                ],
            }
            for one in transactions
        ],
    }


def cancellation_data(order: Part) -> Part:
    """Empty when the status says that no cancellation was carried out."""
    given = section(order, "cancellationData")
    if order.get("status", order.get("state")) not in (*CANCELED, None):
        given.clear()
    data = {key[0].lower() + key[1:]: value for key, value in given.items()}
    return part_of(data, given.place)


def is_canceled(order: Part) -> bool:
    """Whether the document says that a cancellation was carried out."""
    return bool(cancellation_data(order)) or order.get("status", order.get("state")) in CANCELED
