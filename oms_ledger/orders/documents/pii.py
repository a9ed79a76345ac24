"""The document of `/api/orders/pvt/document/{orderId}`."""

from datetime import datetime
from typing import Any

from oms_ledger.orders.documents import shape_parts
from oms_ledger.orders.documents.derived_fields import (
    DERIVED,
    Derive,
    derive_fields,
    spelled_instant,
    tracked_alias,
)
from oms_ledger.orders.documents.progress import receipt_data, workflow_data
from oms_ledger.orders.documents.shapes import (
    Maybe,
    always,
    cut,
    each,
    flags,
    lists,
    nulls,
)
from oms_ledger.orders.instants import PII_ZONE, instant, wall_time
from oms_ledger.orders.order import Order

_PERIODS = {"DAY": "DAILY", "WEEK": "WEEKLY", "MONTH": "MONTHLY", "YEAR": "YEARLY"}

_MARKETING = Maybe(
    {
        **nulls("utmSource"),
        **nulls("utmMedium"),
        **nulls("utmCampaign utmPartner utmipage utmiPart utmiCampaign coupon"),
        **lists("marketingTags"),
    }
)

_ITEM = {
    "productCategories": {},
    **nulls("uniqueId id productId"),
    **nulls("lockId ean"),
    **nulls("quantity"),
    **nulls("seller sellerSku"),
    "priceValidUntil": instant,
    **nulls("name"),
    "additionalInfo": {
        **nulls("brandName brandId categoriesIds"),
        "dimension": shape_parts.DIMENSION,
        **nulls("productClusterId commercialConditionId"),
        **nulls("offeringInfo offeringType offeringTypeId"),
        "categories": shape_parts.CATEGORIES,
    },
    **lists("attachments attachmentOfferings assemblies"),
    **nulls("refId"),
    **nulls("shippingPrice"),
    **nulls("price sellingPrice listPrice"),
    **nulls("manualPrice"),
    **nulls("tax rewardValue freightCommission commission"),
    "priceTags": [
        {
            **nulls("name"),
            **nulls("rawValue"),
            **flags("isPercentual"),
            **nulls("identifier rate jurisCode jurisType jurisName"),
        }
    ],
    **nulls("imageUrl detailUrl"),
    **lists("components bundleItems offerings"),
    "preSaleDate": instant,
    **flags("isGift"),
    **nulls("taxCode"),
    "measurementUnit": "un",
    **nulls("unitMultiplier"),
    "marketingData": _MARKETING,
    **nulls("parentAssemblyBinding parentItemIndex callCenterOperator"),
    "priceDefinition": shape_parts.PRICE_DEFINITION_PII,
    **nulls("costPrice"),
}

_PICKUP = {
    **flags("isPickupStore"),
    **nulls("friendlyName"),
    "address": Maybe({**shape_parts.PICKUP_ADDRESS, **nulls("contactId")}),
    **nulls("additionalInfo dockId"),
}

_DELIVERY_IDS = [
    {
        **nulls("courierId warehouseId dockId courierName"),
        **nulls("quantity"),
        **nulls("totalListPrice"),
        **nulls("accountCarrierName"),
        **lists("kitItemDetails"),
    }
]

_SLA = {
    **nulls("pickupPointId"),
    "pickupStoreInfo": _PICKUP,
    **nulls("tax listPrice price"),
    **nulls("deliveryWindow"),
    **lists("availableDeliveryWindows"),
    **nulls("lockTTL"),
    "shippingEstimateDate": instant,
    **nulls("shippingEstimate"),
    "deliveryIds": _DELIVERY_IDS,
    **nulls("name deliveryChannel id"),
    **nulls("pickupDistance polygonName"),
    **nulls("transitTime"),
}

_LOGISTICS = {
    **nulls("polygonName"),
    **nulls("shippingEstimate"),
    **nulls("entityId versionId"),
    "pickupStoreInfo": _PICKUP,
    **nulls("deliveryWindow"),
    **nulls("sellingPrice listPrice price"),
    **nulls("deliveryChannel deliveryCompany"),
    "deliveryIds": _DELIVERY_IDS,
    "shippingEstimateDate": instant,
    "deliveryChannels": shape_parts.DELIVERY_CHANNELS,
    **nulls("itemId"),
    **lists("shipsTo"),
    "slas": [_SLA],
    **nulls("addressId"),
    **nulls("selectedDeliveryChannel lockTTL selectedSla"),
    **nulls("itemIndex"),
    **nulls("pickupPointId"),
    **nulls("transitTime"),
}

PII_PACKAGE = {
    **nulls("courier"),
    **nulls("description"),
    **nulls("invoiceNumber"),
    **nulls("invoiceValue"),
    **nulls("invoiceUrl"),
    "issuanceDate": instant,
    **nulls("trackingNumber invoiceKey trackingUrl embeddedInvoice type"),
    "items": [
        {
            **nulls("itemIndex"),
            **nulls("id"),
            **nulls("quantity price"),
            **nulls("description"),
            **nulls("unitMultiplier"),
        }
    ],
    "courierStatus": Maybe(
        {
            "deliveredDate": instant,
            **nulls("status"),
            **flags("finished"),
            "data": [shape_parts.TRACKING_EVENT],
        }
    ),
    **nulls("cfop"),
    "lastChange": instant,
    "restitutions": Maybe({"refund": shape_parts.REFUND}),
    **nulls("volumes"),
}

_PAYMENT = {
    **nulls("bankIssuedInvoiceIdentificationNumberFormatted bankIssuedInvoiceIdentificationNumber"),
    **nulls("parentAccountId"),
    **nulls("accountId"),
    **nulls("dueDate"),
    **nulls("group"),
    **nulls("isGiftCardDiscount giftCardName giftCardCaption giftCardProvider giftCardId"),
    **nulls("redemptionCode"),
    **nulls("tid"),
    **nulls("koinUrl url expireYear expireMonth"),
    "cvv2": always(None),
    **nulls("lastDigits firstDigits"),
    "cardNumber": always(None),
    **nulls("cardHolder"),
    **nulls("referenceValue"),
    "connectorResponses": {},
    **nulls("installments value"),
    **nulls("paymentSystemName paymentSystem"),
    **nulls("paymentOrigin"),
    **nulls("id"),
    **nulls("bankIssuedInvoiceBarCodeNumber bankIssuedInvoiceBarCodeType"),
    "billingAddress": shape_parts.BILLING_ADDRESS_PII,
}

_WORKFLOW = {
    "instances": [
        {
            **nulls("id name currentStepName"),
            **nulls("currentStepDescription"),
            "lastChange": instant,
            **flags("isInError isInAutomaticRetry"),
            "creationDate": instant,
            **nulls("owner version"),
            "timeLine": [{**nulls("stepName"), "date": instant, **nulls("parentStepName")}],
            "logicTimeLine": [{**nulls("stepName"), "date": instant}],
            **lists("steps"),
            **nulls("currentLogicalStep"),
        }
    ],
    **nulls("mainFlowIndex"),
}

_SUBSCRIPTIONS = Maybe(
    {
        **nulls("subscriptionGroupId"),
        "subscriptions": [
            {
                **nulls("executionCount"),
                **nulls("priceAtSubscriptionDate"),
                **nulls("itemIndex"),
                "plan": {
                    **nulls("type"),
                    "frequency": {
                        "periodicity": lambda given, _zone: _PERIODS.get(str(given), given),
                        **nulls("interval"),
                    },
                    "validity": shape_parts.SUBSCRIPTION_VALIDITY,
                },
            }
        ],
    }
)

_SALES_CHANNEL = {
    **nulls("countryCode currencyCode currencyFormatInfo cultureInfo"),
    **nulls("currencyLocale"),
    **nulls("currencySymbol timeZone"),
    **nulls("id name"),
    **flags("isActive"),
}

PII_DOCUMENT = {
    **nulls("id sellerOrderId orderFormId origin orderGroup"),
    "items": [_ITEM],
    "marketplaceItems": lambda given, _zone: given or None,
    "authorizedDate": instant,
    "subscriptionData": _SUBSCRIPTIONS,
    "taxData": shape_parts.TAXES,
    "invoicedDate": instant,
    **nulls("marketplaceOrderId marketplaceServicesEndpoint"),
    "clientProfileData": {
        "id": always(None),
        **nulls("userProfileId"),
        **nulls("userProfileVersion"),
        **nulls("firstName lastName email document"),
        **nulls("corporateDocument corporateName"),
        **nulls("documentType phone"),
        **nulls("tradeName stateInscription corporatePhone"),
        **flags("isCorporate"),
        **nulls("customerClass customerCode"),
    },
    "giftRegistryData": shape_parts.GIFT_REGISTRY,
    **nulls("emailTracked"),
    **flags("isCheckedIn"),
    **nulls("approvedBy cancelledBy canceledBy cancelReason"),
    "callCenterOperatorData": shape_parts.OPERATOR,
    **flags("allowCancellation allowEdition"),
    "roundingError": 0,
    **nulls("salesChannel"),
    "salesChannelData": _SALES_CHANNEL,
    "customData": shape_parts.CUSTOM_DATA,
    "changesAttachment": shape_parts.CHANGES,
    **nulls("commercialConditionData"),
    "shippingData": {
        "address": shape_parts.ADDRESS_WITH_CONTACT,
        "logisticsInfo": [_LOGISTICS],
        "trackingHints": shape_parts.TRACKING_HINTS,
        "selectedAddresses": [shape_parts.ADDRESS_WITH_CONTACT],
        "availableAddresses": [shape_parts.ADDRESS_WITH_CONTACT],
        "contactInformation": [
            nulls("id email firstName lastName document phone documentType"),
        ],
    },
    "packageAttachment": {"packages": [PII_PACKAGE]},
    "marketplace": shape_parts.MARKETPLACE,
    "contextData": {
        **flags("loggedIn hasAccessToOrderFormEnabledByLicenseManager"),
        **nulls("userAgent userId"),
    },
    **nulls("lastMessage status handlingData"),
    "documentVersion": "1.0.0",
    "appVersion": "oms-ledger",
    "workflowData": _WORKFLOW,
    **nulls("checkedInPickupPointId"),
    **nulls("fingerPrint"),
    **flags("piiHidden workflowIsInError"),
    **nulls("callCenterOperator"),
    **nulls("state"),
    **each("timeZoneCreationDate timeZoneLastChange", instant),
    **nulls("userType"),
    "clientPreferencesData": shape_parts.PREFERENCES,
    **nulls("orderId"),
    **nulls("workflowInstanceId"),
    "creationDate": instant,
    "totals": shape_parts.TOTALS,
    **nulls("sequence"),
    "receiptData": {"receiptCollection": [{**nulls("receiptType"), "date": instant}]},
    **flags("isCompleted"),
    **nulls("openTextField"),
    **nulls("affiliateId"),
    **nulls("value"),
    **nulls("hostname followUpEmail"),
    "lastChange": instant,
    "sellers": [nulls("id name logo fulfillmentEndpoint subSellerId")],
    "marketingData": _MARKETING,
    "ratesAndBenefitsData": {
        "rateAndBenefitsIdentifiers": [
            {
                **nulls("id name"),
                **flags("featured"),
                **nulls("description matchedParameters additionalInfo"),
            }
        ],
        "teaser": Maybe([nulls("name description")]),
    },
    "paymentData": {
        "giftCards": shape_parts.GIFT_CARDS,
        "transactions": [
            {
                **flags("isActive"),
                **nulls("transactionId merchantName"),
                "payments": [_PAYMENT],
                **flags("sharedTransaction"),
                **nulls("status"),
            }
        ],
    },
    "invoiceData": Maybe(
        {
            "address": shape_parts.INVOICE_ADDRESS,
            "userPaymentInfo": shape_parts.PAYMENT_INFO,
            **nulls("settleInvoices"),
            "invoiceSubject": shape_parts.INVOICE_SUBJECT,
        }
    ),
    "storePreferencesData": shape_parts.STORE_PREFERENCES,
    **nulls("merchantName"),
    "itemMetadata": {
        "items": [
            {
                **nulls("id seller name skuName productId refId"),
                **nulls("ean"),
                **nulls("imageUrl detailUrl"),
                "assemblyOptions": [
                    {
                        **nulls("id name"),
                        **flags("required"),
                        **nulls("inputValues composition"),
                    }
                ],
            }
        ]
    },
    "creationEnvironment": "STABLE",
    "cancellationData": Maybe(
        {
            **flags("requestedByUser"),
            **nulls("requestedBySystem requestedBySellerNotification"),
            **nulls("requestedByPaymentNotification reason"),
            "cancellationDate": instant,
            **nulls("cancellationRequestId"),
        }
    ),
    "cancellationRequests": shape_parts.CANCELLATION_REQUESTS,
    **nulls("authorizationPolicyData merchantContextData"),
}

_cut = cut(PII_DOCUMENT)


def _store_zone(order: Order) -> Any:
    return (
        order.placed.store_preferences.get("timeZone") or shape_parts.STORE_PREFERENCES["timeZone"]
    )


def _wall_time(order: Order, name: str, of: str, at: datetime) -> Any:
    """The local time of an instant; as an import's document given it while that is the instant."""
    answer = (order.placed.details.get("instants") or {}) if order.imported else {}
    if name in answer and spelled_instant(order, of, at) is not at:
        return answer[name]
    return wall_time(at, _store_zone(order))


def _sales_channel(order: Order, content: dict[str, Any]) -> Any:
    given = content.get("salesChannelData")
    if given is not None and not isinstance(given, dict):
        return given
    if given is None and order.imported and "salesChannelData" in content:
        return None
    return {"id": order.placed.sales_channel, **(given or {})}


def _merchant_context(content: dict[str, Any]) -> Any:
    """The merchant's context; a sales associate that was sent beside it stands in it."""
    given, associate = content.get("merchantContextData"), content.get("salesAssociateData")
    if given is not None or not isinstance(associate, dict):
        return given
    return {"salesAssociateData": associate}


PII_DERIVED: dict[str, Derive] = {
    **DERIVED,
    "timeZoneCreationDate": lambda order, _: _wall_time(
        order, "timeZoneCreationDate", "creationDate", order.created_at
    ),
    "timeZoneLastChange": lambda order, _: _wall_time(
        order, "timeZoneLastChange", "lastChange", order.changed_at
    ),
    "workflowData": lambda order, _: workflow_data(order),
    "receiptData": lambda order, _: receipt_data(order),
    "emailTracked": lambda order, fields: (
        fields.content["emailTracked"] if "emailTracked" in fields.content else tracked_alias(order)
    ),
    "canceledBy": lambda order, fields: (
        (order.cancellation and order.cancellation.called_by)
        or fields.content.get("canceledBy")
        or fields.content.get("cancelledBy")
    ),
    "cancelledBy": lambda _, fields: fields["canceledBy"],
    "salesChannelData": lambda order, fields: _sales_channel(order, fields.content),
    "merchantContextData": lambda _, fields: _merchant_context(fields.content),
}


def pii_document(order: Order) -> dict[str, Any]:
    """The document; `storeId` stands in it where the placement named a store."""
    fields = derive_fields(order, PII_DERIVED)
    document = _cut(fields, PII_ZONE)
    if (store := fields.content.get("storeId")) is not None:
        document["storeId"] = store
    return document
