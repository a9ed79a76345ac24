"""The document of `/api/oms/pvt/orders/{orderId}`."""

from typing import Any

from oms_ledger.orders.documents import shape_parts
from oms_ledger.orders.documents.derived_fields import DerivedFields, derive_fields
from oms_ledger.orders.documents.shapes import (
    Maybe,
    always,
    cut,
    each,
    flags,
    lists,
    nulls,
)
from oms_ledger.orders.instants import OMS_ZONE, instant
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import label

_PERIODS = {"DAILY": "DAY", "WEEKLY": "WEEK", "MONTHLY": "MONTH", "YEARLY": "YEAR"}


def _restitutions(given: Any, zone: str) -> dict[str, Any]:
    return _REFUND(given, zone) if given else {}


_REFUND = cut({"Refund": shape_parts.REFUND})

_PICKUP = {
    **nulls("additionalInfo"),
    "address": Maybe(shape_parts.PICKUP_ADDRESS),
    **nulls("dockId friendlyName"),
    **flags("isPickupStore"),
}

_DELIVERY_IDS = [
    {
        **nulls("courierId courierName dockId quantity warehouseId accountCarrierName"),
        **lists("kitItemDetails"),
    }
]

_SLA = {
    **nulls("id name shippingEstimate"),
    "shippingEstimateDate": instant,
    **nulls("deliveryWindow"),
    **lists("availableDeliveryWindows"),
    "deliveryIds": _DELIVERY_IDS,
    **nulls("price listPrice"),
    **nulls("deliveryChannel selectedDeliveryChannel"),
    "pickupStoreInfo": _PICKUP,
    **nulls("polygonName"),
    **nulls("lockTTL pickupPointId transitTime"),
    **nulls("pickupDistance"),
}

_LOGISTICS = {
    **nulls("itemIndex itemId"),
    **nulls("selectedSla lockTTL"),
    **nulls("price listPrice sellingPrice"),
    **nulls("deliveryWindow"),
    **nulls("deliveryCompany shippingEstimate"),
    "shippingEstimateDate": instant,
    "slas": [_SLA],
    **lists("shipsTo"),
    "deliveryIds": _DELIVERY_IDS,
    "deliveryChannels": shape_parts.DELIVERY_CHANNELS,
    **nulls("deliveryChannel selectedDeliveryChannel"),
    "pickupStoreInfo": _PICKUP,
    **nulls("addressId versionId entityId polygonName pickupPointId transitTime"),
}

_ITEM = {
    **nulls("uniqueId id productId"),
    **nulls("ean"),
    **nulls("lockId"),
    "itemAttachment": {"content": {}, **nulls("name")},
    **lists("attachments"),
    **nulls("quantity"),
    **nulls("seller name refId"),
    **nulls("price listPrice"),
    **nulls("manualPrice manualPriceAppliedBy"),
    "priceTags": [
        {
            **nulls("name"),
            **nulls("value"),
            **flags("isPercentual"),
            **nulls("identifier"),
            **nulls("rawValue"),
            **nulls("rate jurisCode jurisType jurisName"),
        }
    ],
    **nulls("imageUrl detailUrl"),
    **lists("components bundleItems params offerings attachmentOfferings"),
    **nulls("sellerSku"),
    "priceValidUntil": instant,
    **nulls("commission tax"),
    "preSaleDate": instant,
    "additionalInfo": {
        **nulls("brandName brandId categoriesIds"),
        "categories": shape_parts.CATEGORIES,
        **nulls("productClusterId commercialConditionId"),
        "dimension": shape_parts.DIMENSION,
        **nulls("offeringInfo offeringType offeringTypeId"),
    },
    "measurementUnit": "un",
    **nulls("unitMultiplier sellingPrice"),
    **flags("isGift"),
    **nulls("shippingPrice"),
    **nulls("rewardValue freightCommission"),
    "priceDefinition": shape_parts.PRICE_DEFINITION,
    **nulls("taxCode parentItemIndex parentAssemblyBinding callCenterOperator serialNumbers"),
    **lists("assemblies"),
    **nulls("costPrice"),
}

_PACKAGE = {
    "items": [
        {**nulls("itemIndex quantity price"), **nulls("description"), **nulls("unitMultiplier")}
    ],
    **nulls("courier"),
    **nulls("invoiceNumber"),
    **nulls("invoiceValue"),
    **nulls("invoiceUrl"),
    "issuanceDate": instant,
    **nulls("trackingNumber invoiceKey trackingUrl"),
    **nulls("embeddedInvoice type"),
    "courierStatus": Maybe(
        {
            **nulls("status"),
            **flags("finished"),
            "deliveredDate": instant,
            "data": [shape_parts.TRACKING_EVENT],
        }
    ),
    **nulls("cfop"),
    "restitutions": _restitutions,
    **nulls("volumes"),
    **flags("EnableInferItems"),
}

_PAYMENT = {
    **nulls("id paymentSystem paymentSystemName"),
    **nulls("value installments referenceValue"),
    **nulls("cardHolder"),
    "cardNumber": always(None),
    **nulls("firstDigits lastDigits"),
    "cvv2": always(None),
    **nulls("expireMonth expireYear url giftCardId giftCardName giftCardCaption redemptionCode"),
    **nulls("group tid"),
    **nulls("dueDate"),
    "connectorResponses": {},
    **nulls("giftCardProvider giftCardAsDiscount koinUrl accountId parentAccountId"),
    **nulls("bankIssuedInvoiceIdentificationNumber bankIssuedInvoiceIdentificationNumberFormatted"),
    **nulls("bankIssuedInvoiceBarCodeNumber bankIssuedInvoiceBarCodeType"),
    "billingAddress": shape_parts.BILLING_ADDRESS_PII,
    **nulls("paymentOrigin"),
}

_SUBSCRIPTIONS = Maybe(
    {
        **nulls("SubscriptionGroupId"),
        "Subscriptions": [
            {
                **nulls("ExecutionCount"),
                **nulls("PriceAtSubscriptionDate"),
                **nulls("ItemIndex"),
                "Plan": {
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

OMS_DOCUMENT = {
    **nulls("orderId sequence marketplaceOrderId marketplaceServicesEndpoint sellerOrderId"),
    **nulls("origin affiliateId salesChannel"),
    **nulls("merchantName status"),
    **flags("workflowIsInError"),
    **nulls("statusDescription"),
    **nulls("value"),
    **each("creationDate lastChange", instant),
    **nulls("orderGroup followUpEmail"),
    **nulls("lastMessage"),
    **nulls("hostname"),
    **flags("isCompleted"),
    "roundingError": 0,
    **nulls("orderFormId"),
    **flags("allowCancellation allowEdition isCheckedIn"),
    **each("authorizedDate invoicedDate", instant),
    **nulls("cancelReason checkedInPickupPointId"),
    "totals": shape_parts.TOTALS,
    "sellers": [nulls("id name logo fulfillmentEndpoint")],
    "clientPreferencesData": shape_parts.PREFERENCES,
    "cancellationData": Maybe(
        {
            **flags("RequestedByUser RequestedBySystem RequestedBySellerNotification"),
            **flags("RequestedByPaymentNotification"),
            **nulls("Reason"),
            "CancellationDate": instant,
        }
    ),
    "cancellationRequests": shape_parts.CANCELLATION_REQUESTS,
    "taxData": shape_parts.TAXES,
    "subscriptionData": _SUBSCRIPTIONS,
    "itemMetadata": {
        "Items": [
            {
                **nulls("Id Seller Name SkuName ProductId RefId Ean ImageUrl DetailUrl"),
                "AssemblyOptions": [
                    {
                        **nulls("Id Name"),
                        **flags("Required"),
                        **nulls("InputValues Composition"),
                    }
                ],
            }
        ]
    },
    "marketplace": shape_parts.MARKETPLACE,
    "storePreferencesData": shape_parts.STORE_PREFERENCES,
    "customData": shape_parts.CUSTOM_DATA,
    **nulls("commercialConditionData openTextField"),
    "invoiceData": Maybe(
        {
            "address": shape_parts.INVOICE_ADDRESS,
            "userPaymentInfo": shape_parts.PAYMENT_INFO,
            "invoiceSubject": shape_parts.INVOICE_SUBJECT,
        }
    ),
    "changesAttachment": shape_parts.CHANGES,
    "callCenterOperatorData": shape_parts.OPERATOR,
    "packageAttachment": {"packages": [_PACKAGE]},
    "paymentData": {
        "giftCards": shape_parts.GIFT_CARDS,
        "transactions": [
            {
                **flags("isActive"),
                **nulls("transactionId merchantName"),
                "payments": [_PAYMENT],
            }
        ],
    },
    "shippingData": {
        "id": always("shippingData"),
        "address": shape_parts.ADDRESS,
        "logisticsInfo": [_LOGISTICS],
        "trackingHints": shape_parts.TRACKING_HINTS,
        "selectedAddresses": [
            {
                **nulls("addressId"),
                **nulls("versionId entityId"),
                **nulls("addressType receiverName street number complement neighborhood"),
                **nulls("postalCode city state country"),
                **nulls("reference"),
                **lists("geoCoordinates"),
            }
        ],
        "availableAddresses": [shape_parts.ADDRESS_WITH_CONTACT],
        "contactInformation": [
            nulls("id email firstName lastName phone document documentType entityId versionId")
        ],
        **nulls("contactsInfo"),
    },
    "ratesAndBenefitsData": {
        "id": always("ratesAndBenefitsData"),
        "rateAndBenefitsIdentifiers": [
            {
                **nulls("description"),
                **flags("featured"),
                **nulls("id name"),
                **nulls("matchedParameters"),
                **nulls("additionalInfo"),
            }
        ],
    },
    "marketingData": Maybe(
        {
            "id": always("marketingData"),
            **nulls("utmSource utmPartner utmMedium utmCampaign coupon"),
            **nulls("utmiCampaign utmipage utmiPart"),
            **lists("marketingTags"),
        }
    ),
    "giftRegistryData": shape_parts.GIFT_REGISTRY,
    "clientProfileData": {
        "id": always("clientProfileData"),
        **nulls("email firstName lastName documentType document phone"),
        **nulls("corporateName tradeName corporateDocument stateInscription corporatePhone"),
        **flags("isCorporate"),
        **nulls("userProfileId"),
        **nulls("userProfileVersion customerClass customerCode"),
    },
    "items": [_ITEM],
    **lists("marketplaceItems"),
    **nulls("authorizationPolicyData"),
    "creationEnvironment": "STABLE",
    **nulls("approvedBy cancelledBy purchaseAgentData pendingData budgetData"),
}

_cut = cut(OMS_DOCUMENT)


_OF_MARKETPLACES = ("isFOB", "isMarketplaceFulfillment")
"""Of the delivery, where the marketplace that sold the order said so."""
_GROUP = "marketplaceOrderGroup"
"""What the marketplace calls the purchase, in orders that it sold."""


def _of_own_orders(order: Order, own: str) -> dict[str, Any]:
    """What stands in an own order where a sale of another's would name it."""
    return {
        "marketplaceOrderId": "",
        "marketplaceServicesEndpoint": own,
        "marketplace": {"baseURL": own, "name": order.account},
    }


def oms_document(
    order: Order, language: str = "en-US", facts: DerivedFields | None = None
) -> dict[str, Any]:
    """The order as Get order answers it, its status described in the language."""
    fields = derive_fields(order, facts=facts)
    fields["statusDescription"] = label(order.status, language)
    if not fields["marketplaceOrderId"]:
        own = f"http://oms.vtexinternal.com.br/api/oms?an={order.account}"
        for name, content in _of_own_orders(order, own).items():
            if not fields.get(name) and not (order.imported and name in fields.content):
                fields[name] = content
    document = _cut(fields, OMS_ZONE)
    shipping = fields.content.get("shippingData") or {}
    for name in _OF_MARKETPLACES:
        if not order.imported and name in shipping:
            document["shippingData"][name] = shipping[name]
    group = order.placed.details.get(_GROUP)
    if not order.imported and group:
        document[_GROUP] = group
    return document
