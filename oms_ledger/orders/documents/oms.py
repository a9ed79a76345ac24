"""The document of `/api/oms/pvt/orders/{orderId}`."""

from typing import Any

from oms_ledger.orders.documents import common as c
from oms_ledger.orders.documents.derived_fields import facts_of
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
from oms_ledger.orders.instants import OMS_ZONE, instant
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import label

_PERIODS = {"DAILY": "DAY", "WEEKLY": "WEEK", "MONTHLY": "MONTH", "YEARLY": "YEAR"}


def _restitutions(given: Any, zone: str) -> dict[str, Any]:
    return _REFUND(given, zone) if given else {}


_REFUND = cut({"Refund": c.REFUND})

_PICKUP = {
    **nulls("additionalInfo"),
    "address": Maybe(c.PICKUP_ADDRESS),
    **nulls("dockId friendlyName"),
    **flags("isPickupStore"),
}

_SLA = {
    **texts("id name shippingEstimate"),
    **nulls("deliveryWindow"),
    **numbers("price"),
    **texts("deliveryChannel selectedDeliveryChannel"),
    "pickupStoreInfo": _PICKUP,
    **nulls("polygonName"),
    **texts("lockTTL pickupPointId transitTime"),
    **numbers("pickupDistance"),
}

_LOGISTICS = {
    **numbers("itemIndex"),
    **texts("selectedSla lockTTL"),
    **numbers("price listPrice sellingPrice"),
    **nulls("deliveryWindow"),
    **texts("deliveryCompany shippingEstimate"),
    "shippingEstimateDate": instant,
    "slas": [_SLA],
    **lists("shipsTo"),
    "deliveryIds": [
        {
            **texts("courierId courierName dockId"),
            **numbers("quantity"),
            **texts("warehouseId accountCarrierName"),
            **lists("kitItemDetails"),
        }
    ],
    "deliveryChannels": c.DELIVERY_CHANNELS,
    **texts("deliveryChannel selectedDeliveryChannel"),
    "pickupStoreInfo": _PICKUP,
    **nulls("addressId versionId entityId polygonName pickupPointId transitTime"),
}

_ITEM = {
    **texts("uniqueId id productId"),
    **nulls("ean"),
    **texts("lockId"),
    "itemAttachment": {"content": {}, **nulls("name")},
    **lists("attachments"),
    **numbers("quantity"),
    **texts("seller name refId"),
    **numbers("price listPrice"),
    **nulls("manualPrice"),
    "priceTags": [
        {
            **texts("name"),
            **numbers("value"),
            **flags("isPercentual"),
            **nulls("identifier"),
            **numbers("rawValue"),
            **nulls("rate jurisCode jurisType jurisName"),
        }
    ],
    **texts("imageUrl detailUrl"),
    **lists("components bundleItems params offerings attachmentOfferings"),
    **texts("sellerSku"),
    "priceValidUntil": instant,
    **numbers("commission tax"),
    "preSaleDate": instant,
    "additionalInfo": {
        **texts("brandName brandId categoriesIds"),
        "categories": c.CATEGORIES,
        **texts("productClusterId commercialConditionId"),
        "dimension": c.DIMENSION,
        **nulls("offeringInfo offeringType offeringTypeId"),
    },
    "measurementUnit": "un",
    **numbers("unitMultiplier sellingPrice"),
    **flags("isGift"),
    **nulls("shippingPrice"),
    **numbers("rewardValue freightCommission"),
    "priceDefinition": c.PRICE_DEFINITION,
    **nulls("taxCode parentItemIndex parentAssemblyBinding callCenterOperator serialNumbers"),
    **lists("assemblies"),
    **numbers("costPrice"),
}

_PACKAGE = {
    "items": [
        {**numbers("itemIndex quantity price"), **nulls("description"), **numbers("unitMultiplier")}
    ],
    **nulls("courier"),
    **texts("invoiceNumber"),
    **numbers("invoiceValue"),
    **nulls("invoiceUrl"),
    "issuanceDate": instant,
    **nulls("trackingNumber invoiceKey trackingUrl"),
    **texts("embeddedInvoice type"),
    "courierStatus": Maybe(
        {
            **nulls("status"),
            **flags("finished"),
            "deliveredDate": instant,
            "data": [c.TRACKING_EVENT],
        }
    ),
    **nulls("cfop"),
    "restitutions": _restitutions,
    **numbers("volumes"),
    **flags("EnableInferItems"),
}

_PAYMENT = {
    **texts("id paymentSystem paymentSystemName"),
    **numbers("value installments referenceValue"),
    **nulls("cardHolder"),
    "cardNumber": always(None),
    **nulls("firstDigits lastDigits"),
    "cvv2": always(None),
    **nulls("expireMonth expireYear url giftCardId giftCardName giftCardCaption redemptionCode"),
    **texts("group tid"),
    **nulls("dueDate"),
    "connectorResponses": {},
    **nulls("giftCardProvider giftCardAsDiscount koinUrl accountId parentAccountId"),
    **nulls("bankIssuedInvoiceIdentificationNumber bankIssuedInvoiceIdentificationNumberFormatted"),
    **nulls("bankIssuedInvoiceBarCodeNumber bankIssuedInvoiceBarCodeType"),
    "billingAddress": c.BILLING_ADDRESS,
    **nulls("paymentOrigin"),
}

_SUBSCRIPTIONS = Maybe(
    {
        **nulls("SubscriptionGroupId"),
        "Subscriptions": [
            {
                **numbers("ExecutionCount"),
                **nulls("PriceAtSubscriptionDate"),
                **numbers("ItemIndex"),
                "Plan": {
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

_DOCUMENT = {
    **texts("orderId sequence marketplaceOrderId marketplaceServicesEndpoint sellerOrderId"),
    **texts("origin affiliateId salesChannel"),
    **nulls("merchantName status"),
    **flags("workflowIsInError"),
    **nulls("statusDescription"),
    **numbers("value"),
    **each("creationDate lastChange", instant),
    **texts("orderGroup followUpEmail"),
    **nulls("lastMessage"),
    **texts("hostname"),
    **flags("isCompleted"),
    **numbers("roundingError"),
    **texts("orderFormId"),
    **flags("allowCancellation allowEdition isCheckedIn"),
    **each("authorizedDate invoicedDate", instant),
    **nulls("cancelReason checkedInPickupPointId"),
    "totals": c.TOTALS,
    "sellers": [texts("id name logo fulfillmentEndpoint")],
    "clientPreferencesData": c.PREFERENCES,
    "cancellationData": Maybe(
        {
            **flags("RequestedByUser RequestedBySystem RequestedBySellerNotification"),
            **flags("RequestedByPaymentNotification"),
            **nulls("Reason"),
            "CancellationDate": instant,
        }
    ),
    "cancellationRequests": c.CANCELLATION_REQUESTS,
    "taxData": c.TAXES,
    "subscriptionData": _SUBSCRIPTIONS,
    "itemMetadata": {
        "Items": [
            {
                **texts("Id Seller Name SkuName ProductId RefId Ean ImageUrl DetailUrl"),
                "AssemblyOptions": [
                    {
                        **texts("Id Name"),
                        **flags("Required"),
                        **nulls("InputValues Composition"),
                    }
                ],
            }
        ]
    },
    "marketplace": c.MARKETPLACE,
    "storePreferencesData": c.STORE_PREFERENCES,
    "customData": c.CUSTOM_DATA,
    **nulls("commercialConditionData openTextField"),
    "invoiceData": Maybe(
        {
            "address": c.INVOICE_ADDRESS,
            "userPaymentInfo": c.PAYMENT_INFO,
            "invoiceSubject": c.INVOICE_SUBJECT,
        }
    ),
    "changesAttachment": c.CHANGES,
    "callCenterOperatorData": c.OPERATOR,
    "packageAttachment": {"packages": [_PACKAGE]},
    "paymentData": {
        "giftCards": c.GIFT_CARDS,
        "transactions": [
            {
                **flags("isActive"),
                **texts("transactionId merchantName"),
                "payments": [_PAYMENT],
            }
        ],
    },
    "shippingData": {
        "id": always("shippingData"),
        "address": c.ADDRESS,
        "logisticsInfo": [_LOGISTICS],
        "trackingHints": c.TRACKING_HINTS,
        "selectedAddresses": [
            {
                **texts("addressId"),
                **nulls("versionId entityId"),
                **texts("addressType receiverName street number complement neighborhood"),
                **texts("postalCode city state country"),
                **nulls("reference"),
                **lists("geoCoordinates"),
            }
        ],
        "contactInformation": [
            texts("id email firstName lastName phone document documentType entityId versionId")
        ],
    },
    "ratesAndBenefitsData": {
        "id": always("ratesAndBenefitsData"),
        "rateAndBenefitsIdentifiers": [
            {
                **nulls("description"),
                **flags("featured"),
                **texts("id name"),
                "matchedParameters": {},
                **nulls("additionalInfo"),
            }
        ],
    },
    "marketingData": Maybe(
        {
            "id": always("marketingData"),
            **texts("utmSource utmPartner utmMedium utmCampaign coupon"),
            **texts("utmiCampaign utmipage utmiPart"),
            **lists("marketingTags"),
        }
    ),
    "giftRegistryData": c.GIFT_REGISTRY,
    "clientProfileData": {
        "id": always("clientProfileData"),
        **texts("email firstName lastName documentType document phone"),
        **nulls("corporateName tradeName corporateDocument stateInscription corporatePhone"),
        **flags("isCorporate"),
        **texts("userProfileId"),
        **nulls("userProfileVersion customerClass customerCode"),
    },
    "items": [_ITEM],
    **lists("marketplaceItems"),
    "authorizationPolicyData": c.AUTHORIZATION_POLICIES,
}

_cut = cut(_DOCUMENT)


def oms_document(order: Order, language: str = "en-US") -> dict[str, Any]:
    """The order as Get order answers it, its status described in the language."""
    facts = facts_of(order)
    facts["statusDescription"] = label(order.status, language)
    if not facts["marketplaceOrderId"]:
        own = f"http://oms.vtexinternal.com.br/api/oms?an={order.account}"
        facts["marketplaceServicesEndpoint"] = facts["marketplaceServicesEndpoint"] or own
        facts["marketplace"] = facts.get("marketplace") or {
            "baseURL": own,
            "name": order.account,
        }
    return _cut(facts, OMS_ZONE)
