"""Keys of a marketplace's body, matched without case where the published spelling is missing."""

from collections.abc import Mapping
from typing import Any

_WORDS = """
marketplaceOrderId marketplaceOrderGroup marketplaceServicesEndpoint marketplacePaymentValue
marketplacePaymentReferenceValue isCreatedAsync allowFranchises pickupAccountName items id quantity
seller price commission freightCommission bundleItems type name itemAttachment content attachments
priceTags identifier value rawValue isPercentual measurementUnit unitMultiplier isGift lockId tax
clientProfileData email firstName lastName documentType document phone corporateName tradeName
corporateDocument stateInscription corporatePhone isCorporate userProfileId shippingData address
selectedAddresses isFob isMarketplaceFulfillment updateStatus trackingHints trackingId courierName
trackingUrl trackingLabel logisticsInfo itemIndex addressId selectedSla selectedDeliveryChannel
lockTTL shippingEstimate deliveryWindow startDateUtc endDateUtc lisPrice listPrice deliveryIds
warehouseId addressType receiverName postalCode city state country street number neighborhood
complement reference geoCoordinates paymentData payments paymentSystem paymentSystemName
installments referenceValue group connectorResponses invoiceData userPaymentInfo paymentMethods
customData customApps major fields marketingData openTextField marketplaceItems marketplace
"""
_PUBLISHED = {name.lower(): name for name in _WORDS.split()}
_FREE = {"fields", "content", "attachments", "connectorResponses", "marketplaceItems"}
"""Parts whose keys are the marketplace's own: they stay as they came."""


def as_published(value: Any) -> Any:
    """The same body with its keys as published."""
    if isinstance(value, list):
        return [as_published(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    spelled: dict[str, Any] = {}
    for key, part in value.items():
        known = str(_PUBLISHED.get(key.lower(), key))
        if known != key and known in value:
            known = key  # the exact one is there too
        spelled[known] = part if known in _FREE else as_published(part)
    return spelled
