"""Parts that are published alike in several documents."""

from oms_ledger.orders.documents.shapes import Maybe, each, flags, lists, nulls, numbers, texts
from oms_ledger.orders.instants import instant

_PLACE = {
    **texts("postalCode city state country street number neighborhood"),
    **nulls("complement reference"),
    **lists("geoCoordinates"),
}

ADDRESS = {
    **texts("addressType receiverName addressId"),
    **nulls("versionId entityId"),
    **_PLACE,
    **texts("complement"),
}
ADDRESS_WITH_CONTACT = {**ADDRESS, **nulls("complement contactId")}
INVOICE_ADDRESS = Maybe(
    {
        **nulls("addressType receiverName addressId versionId entityId"),
        **_PLACE,
        **nulls("contactId"),
    }
)
PICKUP_ADDRESS = {
    **nulls("addressType receiverName addressId versionId entityId postalCode city state country"),
    **nulls("street number neighborhood complement reference geoCoordinates"),
}

TOTALS = [
    {
        **texts("id name"),
        **numbers("value"),
        "alternativeTotals": Maybe([{**texts("id name"), **numbers("value")}]),
    }
]

PREFERENCES = {**texts("locale"), **flags("optinNewsLetter")}

GIFT_REGISTRY = Maybe(
    texts("giftRegistryId giftRegistryType giftRegistryTypeName addressId description")
)

MARKETPLACE = Maybe({**texts("baseURL"), **nulls("isCertified"), **texts("name")})

OPERATOR = Maybe(texts("id email userName"))

CURRENCY_FORMAT = {
    "CurrencyDecimalDigits": 2,
    "CurrencyDecimalSeparator": ",",
    "CurrencyGroupSeparator": ".",
    "CurrencyGroupSize": 3,
    "StartsWithCurrencySymbol": True,
}
STORE_PREFERENCES = {
    "countryCode": "BRA",
    "currencyCode": "BRL",
    "currencyFormatInfo": CURRENCY_FORMAT,
    "currencyLocale": 1046,
    "currencySymbol": "R$",
    "timeZone": "E. South America Standard Time",
}

TAXES = Maybe(
    {
        **flags("areTaxesDesignatedByMarketplace"),
        "taxInfoCollection": [{**numbers("itemIndex"), **texts("sku"), **nulls("priceTags")}],
    }
)

_CHANGED_ITEMS = [{**texts("id name"), **numbers("quantity price"), **nulls("unitMultiplier")}]
CHANGES = Maybe(
    {
        **texts("id"),
        "changesData": [
            {
                **texts("reason"),
                **nulls("discountValue incrementValue"),
                "itemsAdded": _CHANGED_ITEMS,
                "itemsRemoved": _CHANGED_ITEMS,
                "receipt": {"date": instant, **texts("orderId receipt")},
            }
        ],
    }
)

CUSTOM_DATA = Maybe({"customApps": (), "customFields": ()})

INVOICE_SUBJECT = Maybe(texts("id email firstName lastName phone"))
PAYMENT_INFO = Maybe(lists("paymentMethods"))

BILLING_ADDRESS = Maybe(_PLACE)
BILLING_ADDRESS_PII = Maybe(ADDRESS_WITH_CONTACT)

GIFT_CARDS = [
    {
        **texts("id redemptionCode"),
        **nulls("name caption"),
        **numbers("value balance"),
        **texts("provider"),
        **nulls("groupName"),
        **flags("inUse isSpecialCard"),
    }
]

TRACKING_HINTS = [texts("trackingId courierName trackingUrl trackingLabel")]

DELIVERY_CHANNELS = [{**texts("id"), **numbers("stockBalance")}]

DIMENSION = numbers("cubicweight height length weight width")
CATEGORIES = [{**numbers("id"), **texts("name")}]

PRICE_DEFINITION = {
    "sellingPrices": [numbers("value quantity")],
    **numbers("calculatedSellingPrice total"),
    **nulls("reason"),
}
PRICE_DEFINITION_PII = {
    **numbers("calculatedSellingPrice total"),
    "sellingPrices": [numbers("value quantity")],
    **nulls("reason"),
}

REFUND = {
    **numbers("value"),
    **nulls("giftCardData"),
    "items": [
        {
            **nulls("useFreight"),
            **flags("isCompensation"),
            **numbers("compensationValue"),
            **texts("id"),
            **numbers("quantity price"),
            **texts("description"),
        }
    ],
}

CANCELLATION_REQUESTS = [
    {
        **texts("id"),
        **nulls("reason"),
        "cancellationRequestDate": instant,
        **flags("requestedByUser deniedBySeller"),
        **nulls("deniedBySellerReason"),
        "cancellationRequestDenyDate": instant,
    }
]

_POLICIES = [
    {
        **texts("policyId policyName"),
        **flags("requireAllPoliciesAcceptance"),
        **texts("policyGroupId policyGroupName policyGroupUnitId"),
        **nulls("authorizationData"),
    }
]
AUTHORIZATION_POLICIES = [
    {**texts("status"), "deniedPolicies": _POLICIES, "pendingPolicies": _POLICIES}
]

TRACKING_EVENT = {
    "lastChange": instant,
    **texts("city state description"),
    "createDate": instant,
}

SUBSCRIPTION_VALIDITY = each("begin end", instant)
