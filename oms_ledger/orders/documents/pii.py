"""The document of `/api/orders/pvt/document/{orderId}`."""

from typing import Any

from oms_ledger.orders.documents import common as c
from oms_ledger.orders.documents.derived_fields import (
    DERIVED,
    Derive,
    facts_of,
    tracked_alias,
)
from oms_ledger.orders.documents.progress import receipts, workflow_data
from oms_ledger.orders.documents.shapes import (
    Maybe,
    always,
    cut,
    each,
    flags,
    lists,
    nulls,
    numbers,
    texts,
)
from oms_ledger.orders.instants import PII_ZONE, instant, wall_time
from oms_ledger.orders.order import Order

_PERIODS = {"DAY": "DAILY", "WEEK": "WEEKLY", "MONTH": "MONTHLY", "YEAR": "YEARLY"}

_MARKETING = Maybe(
    {
        **nulls("utmSource"),
        **texts("utmMedium"),
        **nulls("utmCampaign utmPartner utmipage utmiPart utmiCampaign coupon"),
        **lists("marketingTags"),
    }
)

_ITEM = {
    "productCategories": {},
    **texts("uniqueId id productId"),
    **nulls("lockId ean"),
    **numbers("quantity"),
    **texts("seller sellerSku"),
    "priceValidUntil": instant,
    **texts("name"),
    "additionalInfo": {
        **texts("brandName brandId categoriesIds"),
        "dimension": c.DIMENSION,
        **texts("productClusterId commercialConditionId"),
        **nulls("offeringInfo offeringType offeringTypeId"),
        "categories": c.CATEGORIES,
    },
    **lists("attachments attachmentOfferings assemblies"),
    **texts("refId"),
    **nulls("shippingPrice"),
    **numbers("price sellingPrice listPrice"),
    **nulls("manualPrice"),
    **numbers("tax rewardValue freightCommission commission"),
    "priceTags": [
        {
            **texts("name"),
            **numbers("rawValue"),
            **flags("isPercentual"),
            **nulls("identifier rate jurisCode jurisType jurisName"),
        }
    ],
    **texts("imageUrl detailUrl"),
    **lists("components bundleItems offerings"),
    "preSaleDate": instant,
    **flags("isGift"),
    **nulls("taxCode"),
    "measurementUnit": "un",
    **numbers("unitMultiplier"),
    "marketingData": _MARKETING,
    **nulls("parentAssemblyBinding parentItemIndex callCenterOperator"),
    "priceDefinition": c.PRICE_DEFINITION_PII,
    **nulls("costPrice"),
}

_PICKUP = {
    **flags("isPickupStore"),
    **nulls("friendlyName"),
    "address": Maybe({**c.PICKUP_ADDRESS, **nulls("contactId")}),
    **nulls("additionalInfo dockId"),
}

_DELIVERY_IDS = [
    {
        **texts("courierId warehouseId dockId courierName"),
        **numbers("quantity"),
        **nulls("totalListPrice"),
        **texts("accountCarrierName"),
        **lists("kitItemDetails"),
    }
]

_SLA = {
    **nulls("pickupPointId"),
    "pickupStoreInfo": _PICKUP,
    **numbers("tax listPrice price"),
    **nulls("deliveryWindow"),
    **lists("availableDeliveryWindows"),
    **texts("lockTTL"),
    "shippingEstimateDate": instant,
    **texts("shippingEstimate"),
    "deliveryIds": _DELIVERY_IDS,
    **texts("name deliveryChannel id"),
    **nulls("pickupDistance polygonName"),
    **texts("transitTime"),
}

_LOGISTICS = {
    **nulls("polygonName"),
    **texts("shippingEstimate"),
    **nulls("entityId versionId"),
    "pickupStoreInfo": _PICKUP,
    **nulls("deliveryWindow"),
    **numbers("sellingPrice listPrice price"),
    **texts("deliveryChannel deliveryCompany"),
    "deliveryIds": _DELIVERY_IDS,
    "shippingEstimateDate": instant,
    "deliveryChannels": c.DELIVERY_CHANNELS,
    **texts("itemId"),
    **lists("shipsTo"),
    "slas": [_SLA],
    **nulls("addressId"),
    **texts("selectedDeliveryChannel lockTTL selectedSla"),
    **numbers("itemIndex"),
    **nulls("pickupPointId"),
    **texts("transitTime"),
}

PII_PACKAGE = {
    **texts("courier"),
    **nulls("description"),
    **texts("invoiceNumber"),
    **numbers("invoiceValue"),
    **texts("invoiceUrl"),
    "issuanceDate": instant,
    **texts("trackingNumber invoiceKey trackingUrl embeddedInvoice type"),
    "items": [
        {
            **numbers("itemIndex"),
            **texts("id"),
            **numbers("quantity price"),
            **texts("description"),
            **numbers("unitMultiplier"),
        }
    ],
    "courierStatus": Maybe(
        {
            "deliveredDate": instant,
            **nulls("status"),
            **flags("finished"),
            "data": [c.TRACKING_EVENT],
        }
    ),
    **nulls("cfop"),
    "lastChange": instant,
    "restitutions": Maybe({"refund": c.REFUND}),
    **nulls("volumes"),
}

_PAYMENT = {
    **nulls("bankIssuedInvoiceIdentificationNumberFormatted bankIssuedInvoiceIdentificationNumber"),
    **nulls("parentAccountId"),
    **texts("accountId"),
    **nulls("dueDate"),
    **texts("group"),
    **nulls("isGiftCardDiscount giftCardName giftCardCaption giftCardProvider giftCardId"),
    **nulls("redemptionCode"),
    **texts("tid"),
    **nulls("koinUrl url expireYear expireMonth"),
    "cvv2": always(None),
    **nulls("lastDigits firstDigits"),
    "cardNumber": always(None),
    **nulls("cardHolder"),
    **numbers("referenceValue"),
    "connectorResponses": {},
    **numbers("installments value"),
    **texts("paymentSystemName paymentSystem"),
    **nulls("paymentOrigin"),
    **texts("id"),
    **nulls("bankIssuedInvoiceBarCodeNumber bankIssuedInvoiceBarCodeType"),
    "billingAddress": c.BILLING_ADDRESS_PII,
}

_WORKFLOW = {
    "instances": [
        {
            **texts("id name currentStepName"),
            **nulls("currentStepDescription"),
            "lastChange": instant,
            **flags("isInError isInAutomaticRetry"),
            "creationDate": instant,
            **nulls("owner version"),
            "timeLine": [{**texts("stepName"), "date": instant, **texts("parentStepName")}],
            "logicTimeLine": [{**texts("stepName"), "date": instant}],
            **lists("steps"),
            **texts("currentLogicalStep"),
        }
    ],
    **numbers("mainFlowIndex"),
}

_SUBSCRIPTIONS = Maybe(
    {
        **nulls("subscriptionGroupId"),
        "subscriptions": [
            {
                **numbers("executionCount"),
                **nulls("priceAtSubscriptionDate"),
                **numbers("itemIndex"),
                "plan": {
                    **texts("type"),
                    "frequency": {
                        "periodicity": lambda given, _zone: _PERIODS.get(str(given), given or ""),
                        **numbers("interval"),
                    },
                    "validity": c.SUBSCRIPTION_VALIDITY,
                },
            }
        ],
    }
)

_SALES_CHANNEL = {
    **nulls("countryCode currencyCode currencyFormatInfo cultureInfo"),
    **numbers("currencyLocale"),
    **nulls("currencySymbol timeZone"),
    **texts("id name"),
    **flags("isActive"),
}

PII_DOCUMENT = {
    **texts("id sellerOrderId orderFormId origin orderGroup"),
    "items": [_ITEM],
    "marketplaceItems": lambda given, _zone: given or None,
    "authorizedDate": instant,
    "subscriptionData": _SUBSCRIPTIONS,
    "taxData": c.TAXES,
    "invoicedDate": instant,
    **nulls("marketplaceOrderId marketplaceServicesEndpoint"),
    "clientProfileData": {
        "id": always(None),
        **texts("userProfileId"),
        **nulls("userProfileVersion"),
        **texts("firstName lastName email document"),
        **nulls("corporateDocument corporateName"),
        **texts("documentType phone"),
        **nulls("tradeName stateInscription corporatePhone"),
        **flags("isCorporate"),
        **nulls("customerClass customerCode"),
    },
    "giftRegistryData": c.GIFT_REGISTRY,
    **texts("emailTracked"),
    **flags("isCheckedIn"),
    **nulls("approvedBy cancelledBy canceledBy cancelReason"),
    "callCenterOperatorData": c.OPERATOR,
    **flags("allowCancellation allowEdition"),
    **numbers("roundingError"),
    **texts("salesChannel"),
    "salesChannelData": _SALES_CHANNEL,
    "customData": c.CUSTOM_DATA,
    "changesAttachment": c.CHANGES,
    **nulls("commercialConditionData"),
    "shippingData": {
        "address": c.ADDRESS_WITH_CONTACT,
        "logisticsInfo": [_LOGISTICS],
        "trackingHints": c.TRACKING_HINTS,
        "selectedAddresses": [c.ADDRESS_WITH_CONTACT],
        "availableAddresses": [c.ADDRESS_WITH_CONTACT],
        "contactInformation": [
            texts("id email firstName lastName document phone documentType"),
        ],
    },
    "packageAttachment": {"packages": [PII_PACKAGE]},
    "marketplace": c.MARKETPLACE,
    "contextData": {
        **flags("loggedIn hasAccessToOrderFormEnabledByLicenseManager"),
        **texts("userAgent userId"),
    },
    **nulls("lastMessage status handlingData"),
    "documentVersion": "1.0.0",
    "appVersion": "oms-ledger",
    "workflowData": _WORKFLOW,
    **nulls("checkedInPickupPointId"),
    **texts("fingerPrint"),
    **flags("piiHidden workflowIsInError"),
    **texts("callCenterOperator"),
    **nulls("state"),
    **each("timeZoneCreationDate timeZoneLastChange", instant),
    **texts("userType"),
    "clientPreferencesData": c.PREFERENCES,
    **texts("orderId"),
    **nulls("workflowInstanceId"),
    "creationDate": instant,
    "totals": c.TOTALS,
    **texts("sequence"),
    "receiptData": {"receiptCollection": [{**texts("receiptType"), "date": instant}]},
    **flags("isCompleted"),
    **nulls("openTextField"),
    **texts("affiliateId"),
    **numbers("value"),
    **texts("hostname followUpEmail"),
    "lastChange": instant,
    "sellers": [texts("id name logo fulfillmentEndpoint subSellerId")],
    "marketingData": _MARKETING,
    "ratesAndBenefitsData": {
        "rateAndBenefitsIdentifiers": [
            {
                **texts("id name"),
                **flags("featured"),
                **nulls("description matchedParameters additionalInfo"),
            }
        ],
        "teaser": Maybe([texts("name description")]),
    },
    "paymentData": {
        "giftCards": c.GIFT_CARDS,
        "transactions": [
            {
                **flags("isActive"),
                **texts("transactionId merchantName"),
                "payments": [_PAYMENT],
                **flags("sharedTransaction"),
                **nulls("status"),
            }
        ],
    },
    "invoiceData": Maybe(
        {
            "address": c.INVOICE_ADDRESS,
            "userPaymentInfo": c.PAYMENT_INFO,
            **nulls("settleInvoices"),
            "invoiceSubject": c.INVOICE_SUBJECT,
        }
    ),
    "storePreferencesData": c.STORE_PREFERENCES,
    **nulls("merchantName"),
    "itemMetadata": {
        "items": [
            {
                **texts("id seller name skuName productId refId"),
                **nulls("ean"),
                **texts("imageUrl detailUrl"),
                "assemblyOptions": [
                    {
                        **texts("id name"),
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
    "cancellationRequests": c.CANCELLATION_REQUESTS,
    "authorizationPolicyData": c.AUTHORIZATION_POLICIES,
}

_cut = cut(PII_DOCUMENT)


def _store_zone(order: Order) -> Any:
    return order.placed.store_preferences.get("timeZone") or c.STORE_PREFERENCES["timeZone"]


PII_DERIVED: dict[str, Derive] = {
    **DERIVED,
    "timeZoneCreationDate": lambda order, _: wall_time(order.created_at, _store_zone(order)),
    "timeZoneLastChange": lambda order, _: wall_time(order.changed_at, _store_zone(order)),
    "workflowData": lambda order, _: workflow_data(order),
    "receiptData": lambda order, _: {"receiptCollection": receipts(order)},
    "emailTracked": lambda order, facts: facts.told.get("emailTracked") or tracked_alias(order),
    "canceledBy": lambda order, facts: (
        (order.cancellation and order.cancellation.called_by)
        or facts.told.get("canceledBy")
        or facts.told.get("cancelledBy")
    ),
    "cancelledBy": lambda _, facts: facts["canceledBy"],
    "salesChannelData": lambda order, facts: {
        **(facts.told.get("salesChannelData") or {}),
        "id": order.placed.sales_channel,
    },
}


def pii_document(order: Order) -> dict[str, Any]:
    return _cut(facts_of(order, PII_DERIVED), PII_ZONE)
