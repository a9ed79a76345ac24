"""Parts that are published alike in several documents."""

from oms_ledger.orders.documents.shapes import Maybe, each, flags, lists, nulls
from oms_ledger.orders.instants import instant

_PLACE = {
    **nulls("postalCode city state country street number neighborhood"),
    **nulls("complement reference"),
    **lists("geoCoordinates"),
}

ADDRESS = {
    **nulls("addressType receiverName addressId"),
    **nulls("versionId entityId"),
    **_PLACE,
    **nulls("complement"),
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
        **nulls("id name"),
        **nulls("value"),
        "alternativeTotals": Maybe([{**nulls("id name"), **nulls("value")}]),
    }
]

PREFERENCES = {**nulls("locale"), **flags("optinNewsLetter")}

GIFT_REGISTRY = Maybe(
    nulls("giftRegistryId giftRegistryType giftRegistryTypeName addressId description")
)

MARKETPLACE = Maybe({**nulls("baseURL"), **nulls("isCertified"), **nulls("name")})

OPERATOR = Maybe(nulls("id email userName"))

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
        "taxInfoCollection": [{**nulls("itemIndex"), **nulls("sku"), **nulls("priceTags")}],
    }
)

_CHANGED_ITEMS = [{**nulls("id name"), **nulls("quantity price"), **nulls("unitMultiplier")}]
CHANGES = Maybe(
    {
        **nulls("id"),
        "changesData": [
            {
                **nulls("reason"),
                **nulls("discountValue incrementValue"),
                "itemsAdded": _CHANGED_ITEMS,
                "itemsRemoved": _CHANGED_ITEMS,
                "receipt": {"date": instant, **nulls("orderId receipt")},
            }
        ],
    }
)

CUSTOM_DATA = Maybe({"customApps": (), "customFields": ()})

INVOICE_SUBJECT = Maybe(nulls("id email firstName lastName phone"))
PAYMENT_INFO = Maybe(lists("paymentMethods"))

BILLING_ADDRESS = Maybe(_PLACE)
BILLING_ADDRESS_PII = Maybe(ADDRESS_WITH_CONTACT)

GIFT_CARDS = [
    {
        **nulls("id redemptionCode"),
        **nulls("name caption"),
        **nulls("value balance"),
        **nulls("provider"),
        **nulls("groupName"),
        **flags("inUse isSpecialCard"),
    }
]

TRACKING_HINTS = [nulls("trackingId courierName trackingUrl trackingLabel")]

DELIVERY_CHANNELS = [{**nulls("id"), **nulls("stockBalance")}]

DIMENSION = nulls("cubicweight height length weight width")
CATEGORIES = [{**nulls("id"), **nulls("name")}]

PRICE_DEFINITION = {
    "sellingPrices": [nulls("value quantity")],
    **nulls("calculatedSellingPrice total"),
    **nulls("reason"),
}
PRICE_DEFINITION_PII = {
    **nulls("calculatedSellingPrice total"),
    "sellingPrices": [nulls("value quantity")],
    **nulls("reason"),
}

REFUND = {
    **nulls("value"),
    **nulls("giftCardData"),
    "items": [
        {
            **nulls("useFreight"),
            **flags("isCompensation"),
            **nulls("compensationValue"),
            **nulls("id"),
            **nulls("quantity price"),
            **nulls("description"),
        }
    ],
}

CANCELLATION_REQUESTS = [
    {
        **nulls("id"),
        **nulls("reason"),
        "cancellationRequestDate": instant,
        **flags("requestedByUser deniedBySeller"),
        **nulls("deniedBySellerReason"),
        "cancellationRequestDenyDate": instant,
    }
]

TRACKING_EVENT = {
    "lastChange": instant,
    **nulls("city state description"),
    "createDate": instant,
}

SUBSCRIPTION_VALIDITY = each("begin end", instant)
