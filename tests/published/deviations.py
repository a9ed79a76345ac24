"""Where documents differ from the published schemas, because the published examples do too.

A place is a path of keys with `[]` for the elements of a list; one that begins with `*.` is
anywhere in the document. `MISTYPED` places are not checked for their type, `OMITTED` need not
be there, `ADDED` may be there besides the schema.
"""

_TAG_FIELDS = "the example of a discounted line has them; the schema says text"

MISTYPED = {
    "order": {
        "items[].priceTags": _TAG_FIELDS,
        "items[].unitMultiplier": "1.0 in the example, a decimal for goods sold by weight",
        "items[].additionalInfo.dimension": "10.0 in the example, the schema says integer",
        "items[].attachmentOfferings": "objects as they came",
        "items[].attachments": "objects as they came; the schema says text",
        "items[].bundleItems": "objects as they came",
        "items[].manualPrice": "cents; the schema says text",
        "items[].costPrice": "null when nobody told it",
        "shippingData.logisticsInfo[].pickupStoreInfo.address": "an object in practice",
        "shippingData.logisticsInfo[].shippingEstimateDate": "null when no estimate was given",
        "packageAttachment.packages[].courierStatus.deliveredDate": "null until delivered",
        "paymentData.transactions[].payments[].connectorResponses": "kept as the connector said",
        "customData": "kept as it came; apps have any fields",
        "openTextField": "kept as it came",
        "statusDescription": "null with the status of an incomplete order",
        "status": "null while the order is incomplete",
    },
    "document": {
        "authorizedDate": "null until paid, as invoicedDate",
        "items[].priceValidUntil": "null when no end was given",
        "items[].priceTags[].identifier": "null for a discount without promotion",
        "shippingData.logisticsInfo[].pickupStoreInfo": "its address is a full one in the example",
        "shippingData.logisticsInfo[].slas[].pickupStoreInfo": "the same",
        "shippingData.logisticsInfo[].shippingEstimateDate": "null when no estimate was given",
        "shippingData.address.addressType": "more kinds than two exist",
        "packageAttachment.packages[].courierStatus.deliveredDate": "null until delivered",
        "paymentData.transactions[].payments[].connectorResponses": "kept as the connector said",
        "customData": "the schema says a list of texts, the OMS document shows objects",
        "openTextField": "kept as it came",
        "cancellationData.reason": "null when none was given",
        "cancellationData.cancellationRequestId": "null when a timer canceled",
        "cancellationRequests[].reason": "null when none was given",
        "workflowData.instances[].steps": "`start` and `expectFlow` only where true, as shown",
        "status": "null while the order is incomplete",
        "state": "null while the order is incomplete",
        "taxData": "the schema nests it in itself",
    },
    "row": {
        "status": "null while the order is incomplete",
        "statusDescription": "null while the order is incomplete",
    },
}

OMITTED = {
    "order": {
        "items[].priceDefinitions": "`priceDefinition` in every example",
        "packageAttachment.packages[].restitutions.Refund": "{} for an Output",
    },
    "document": {},
    "row": {},
}

ADDED = {
    "order": {
        "cancellationRequests": "the guide and the example of an order group have it",
        "items[].priceDefinition": "the name in every example",
        "shippingData.logisticsInfo[].deliveryChannel": "in the example",
        "shippingData.logisticsInfo[].slas[].deliveryChannel": "in the example",
    },
    "document": {},
    "row": {},
}
