"""An order as the answer to its placement shows it."""

from typing import Any

from oms_ledger.orders.documents import shape_parts
from oms_ledger.orders.documents.derived_fields import derive_fields
from oms_ledger.orders.documents.shapes import Maybe, cut, each, flags, lists, nulls
from oms_ledger.orders.instants import PII_ZONE, instant, wall_time
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.systems import number_of

_ITEM = {
    **nulls("uniqueId id productId"),
    **nulls("productRefId refId ean"),
    **nulls("name skuName"),
    **nulls("modalType parentItemIndex parentAssemblyBinding"),
    **lists("assemblies"),
    "priceValidUntil": instant,
    **nulls("tax price listPrice"),
    **nulls("manualPrice manualPriceAppliedBy"),
    **nulls("sellingPrice rewardValue"),
    **flags("isGift"),
    "additionalInfo": {
        **nulls("dimension brandName brandId offeringInfo offeringType offeringTypeId"),
    },
    **nulls("preSaleDate productCategoryIds"),
    "productCategories": {},
    **nulls("quantity"),
    **nulls("seller"),
    **lists("sellerChain"),
    **nulls("imageUrl detailUrl"),
    **lists("components bundleItems attachments attachmentOfferings offerings"),
    "priceTags": [
        {
            **nulls("name"),
            **nulls("value rawValue"),
            **flags("isPercentual"),
            **nulls("identifier"),
        }
    ],
    "availability": "available",
    "measurementUnit": "un",
    **nulls("unitMultiplier"),
    **nulls("manufacturerCode"),
    "priceDefinition": {
        **nulls("calculatedSellingPrice total"),
        "sellingPrices": [nulls("value quantity")],
    },
}

_ADDRESS = {
    **nulls("addressType receiverName addressId"),
    **flags("isDisposable"),
    **nulls("postalCode city state country street number neighborhood"),
    **nulls("complement reference"),
    **lists("geoCoordinates"),
}

_SLA = {
    **nulls("id deliveryChannel name"),
    **lists("deliveryIds"),
    **nulls("shippingEstimate"),
    "shippingEstimateDate": instant,
    **nulls("lockTTL"),
    **lists("availableDeliveryWindows"),
    **nulls("deliveryWindow"),
    **nulls("price listPrice tax"),
    "pickupStoreInfo": {
        **flags("isPickupStore"),
        **nulls("friendlyName address additionalInfo dockId"),
    },
    **nulls("pickupPointId"),
    **nulls("pickupDistance"),
    **nulls("polygonName transitTime"),
}


def _system(given: Any, _zone: str) -> Any:
    """The id of a payment system is a number here, and a text in the other documents."""
    number = number_of(given) if isinstance(given, str) else None
    return given if number is None else number


_PAYMENT = {
    "paymentSystem": _system,
    **nulls("bin accountId tokenId"),
    **nulls("value referenceValue"),
    **nulls("giftCardRedemptionCode giftCardProvider giftCardId"),
}

PLACED_ORDER = {
    **nulls("orderId orderGroup"),
    **nulls("state"),
    **flags("isCheckedIn"),
    **nulls("sellerOrderId"),
    **nulls("storeId checkedInPickupPointId"),
    **nulls("value"),
    "items": [_ITEM],
    "sellers": [nulls("id name logo")],
    "totals": [{**nulls("id name"), **nulls("value")}],
    "clientProfileData": {
        **nulls("email firstName lastName document documentType phone"),
        **nulls("corporateName tradeName corporateDocument stateInscription corporatePhone"),
        **flags("isCorporate profileCompleteOnLoading profileErrorOnLoading"),
        **nulls("customerClass"),
    },
    "ratesAndBenefitsData": lists("rateAndBenefitsIdentifiers teaser"),
    "shippingData": {
        "address": _ADDRESS,
        "logisticsInfo": [
            {
                **nulls("itemIndex"),
                **nulls("selectedSla selectedDeliveryChannel addressId"),
                "slas": [_SLA],
                **lists("shipsTo"),
                **nulls("itemId"),
                "deliveryChannels": [nulls("id")],
            }
        ],
        "selectedAddresses": [_ADDRESS],
        "availableAddresses": [_ADDRESS],
        **lists("pickupPoints"),
    },
    "paymentData": {
        "giftCards": shape_parts.GIFT_CARDS,
        "transactions": [
            {
                **flags("isActive"),
                **nulls("transactionId merchantName"),
                "payments": [_PAYMENT],
                **flags("sharedTransaction"),
            }
        ],
    },
    "clientPreferencesData": Maybe(shape_parts.PREFERENCES),
    **nulls("commercialConditionData"),
    "giftRegistryData": shape_parts.GIFT_REGISTRY,
    **nulls("marketingData"),
    "storePreferencesData": {
        "countryCode": "BRA",
        "saveUserData": False,
        "timeZone": "E. South America Standard Time",
        "currencyCode": "BRL",
        "currencyLocale": 1046,
        "currencySymbol": "R$",
        "currencyFormatInfo": {
            key[0].lower() + key[1:]: default
            for key, default in shape_parts.CURRENCY_FORMAT.items()
        },
    },
    "openTextField": nulls("value"),
    "invoiceData": {},
    "itemMetadata": {
        "items": [
            {
                **nulls("id seller name skuName productId refId"),
                **nulls("ean"),
                **nulls("imageUrl detailUrl"),
                **lists("assemblyOptions"),
            }
        ]
    },
    **nulls("taxData customData hooksData changeData subscriptionData"),
    **nulls("salesChannel followUpEmail"),
    **each("creationDate lastChange timeZoneCreationDate timeZoneLastChange", instant),
    **flags("isCompleted"),
    **nulls("hostName"),
    **nulls("merchantName userType"),
    "roundingError": 0,
    **flags("allowEdition allowCancellation"),
    "isUserDataVisible": True,
    **flags("allowChangeSeller"),
    "orderFormCreationDate": instant,
}

_cut = cut(PLACED_ORDER)


def placed_order(order: Order) -> dict[str, Any]:
    """One event of `orders` in the answer to a placement."""
    fields = derive_fields(order)
    zone = (
        order.placed.store_preferences.get("timeZone") or shape_parts.STORE_PREFERENCES["timeZone"]
    )
    fields["hostName"] = fields["hostname"]
    fields["timeZoneCreationDate"] = wall_time(order.created_at, zone)
    fields["timeZoneLastChange"] = wall_time(order.changed_at, zone)
    fields["orderFormCreationDate"] = fields.get("orderFormCreationDate") or order.created_at
    for line in fields["items"]:
        line.setdefault("skuName", line["name"])
        line.setdefault("sellerChain", [line["seller"]])
    document = _cut(fields, PII_ZONE)
    for key in ("timeZoneCreationDate", "timeZoneLastChange"):  # published without a zone here
        document[key] = document[key].removesuffix(PII_ZONE)
    return document
