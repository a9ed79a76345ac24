"""Where documents differ from the published schemas, because the published examples do too.

A place is a path of keys with `[]` for the elements of a list, and stands for all that is below
it. `MISTYPED` places are not checked for their type, `OMITTED` need not be there, `ADDED` may be
there besides the schema. They are listed by the document they are of, or by the operation that
alone answers so; `SHAPED_AS` says where in the answers of operations the documents stand.
"""

CART = "/api/checkout/pub/orderForm"
OF_CARTS = [
    *(f"{method} {CART}{rest}" for method in ("GET", "POST") for rest in ("", "/{orderFormId}")),
    *(
        f"{route.partition(' ')[0]} {CART}/{{orderFormId}}/{route.partition(' ')[2]}"
        for route in (
            *("POST items", "PATCH items", "POST items/update", "POST items/removeAll"),
            *("POST items/{itemUniqueId}/split", "POST messages/clear", "POST coupons"),
            *("PUT items/{itemIndex}/price", "DELETE items/{itemIndex}/price", "PATCH profile"),
            *(
                f"POST attachments/{name}"
                for name in (
                    *("clientProfileData", "shippingData", "paymentData", "marketingData"),
                    *("clientPreferencesData", "merchantContextData", "invoiceData"),
                    "subscriptionData",
                )
            ),
            "DELETE attachments/subscriptionData",
            *(
                f"{m} items/{{itemIndex}}/attachments/{{attachmentName}}"
                for m in ("POST", "DELETE")
            ),
            *("PUT customData/{appId}", "PUT customFields", "PUT customFields/order"),
            *("PUT customData/{appId}/{appFieldName}", "DELETE customData/{appId}/{appFieldName}"),
            *("PUT customFields/item/{itemId}", "DELETE customFields/item/{itemId}"),
            *("PUT customFields/address/{addressId}", "POST transaction"),
        )
    ),
]
SHAPED_AS = {
    **{name: {"": "cart"} for name in OF_CARTS},
    "GET /api/oms/pvt/orders/{orderId}": {"": "order"},
    "GET /api/oms/user/orders/{orderId}": {"": "order"},
    "GET /api/oms/pvt/orders/order-group/{orderGroup}": {"[].": "order"},
    "GET /api/orders/pvt/document/{orderId}": {"": "document"},
    "GET /api/oms/pvt/orders": {"list[].": "row"},
    "GET /api/oms/user/orders": {"list[].": "row"},
}

# Answers under another status than the published one, and which one it is.
STATUSES = {
    # Guides and clients agree on 201 and test for it; the file says 200.
    ("PUT /api/checkout/pub/orders", "201"): "200",
    # It leads to the cart; the file shows an empty 200.
    ("GET /checkout/changeToAnonymousUser/{orderFormId}", "302"): None,
    # The same: 204 without a body.
    ("POST /api/checkout/pub/gatewayCallback/{orderGroup}", "204"): None,
}

# Answers that may have no body at all, and what that says.
EMPTY = {
    "POST /pvt/orders/{orderId}/cancel": "the seller thinks about the cancellation",
    "POST /pvt/orders/{marketplaceOrderId}/cancel": "the same path",
}

_TAG_FIELDS = "the example of a discounted line has them; the schema says text"

_LIST_MISTYPED = {
    "facets": "objects when they are asked for; the schema says text",
    "stats.stats.totalValue.Facets": "figures of each origin that occurs",
    "stats.stats.totalItems.Facets": "figures of each origin that occurs",
}
_LIST_OMITTED = {
    "stats.stats.totalValue.Facets": "only origins and currencies that occur",
    "stats.stats.totalItems.Facets": "only origins and currencies that occur",
}

MISTYPED = {
    "order": {
        "totals[].id": "`Change` of a changed order, as the published example adds up",
        "changesAttachment.changesData[].itemsAdded[].unitMultiplier": "a decimal, as in items",
        "changesAttachment.changesData[].itemsRemoved[].unitMultiplier": "the same",
        "items[].priceTags": _TAG_FIELDS,
        "items[].unitMultiplier": "1.0 in the example, a decimal for goods sold by weight",
        "items[].additionalInfo.dimension": "10.0 in the example, the schema says integer",
        "items[].attachmentOfferings": "objects as they came",
        "items[].attachments": "objects as they came; the schema says text",
        "items[].bundleItems": "objects as they came",
        "items[].offerings": "objects as they came",
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
        "authorizationPolicyData": "null, or an object in documents of today",
        "ratesAndBenefitsData.rateAndBenefitsIdentifiers[].matchedParameters": "null when not told",
    },
    "cart": {
        "messages": "objects in every real cart; the schema says texts",
        "openTextField": "an object with its value, as orders have it",
        "items[].unitMultiplier": "a decimal for goods sold by weight",
        "items[].bundleItems[].id": "a text, as in `offerings`; the schema says integer",
        "marketingData": "null where nobody told it",
        "customData.customFields[].fields[].refId": "null where nobody told it",
        "items[].refId": "null where nobody told it",
        "itemMetadata.items[].refId": "null where nobody told it",
        "itemsOrdination": "null until the lines are sorted",
        "userProfileId": "null for who is not signed in",
        "shippingData.logisticsInfo[].slas[].pickupDistance": "a decimal in every real cart",
        "paymentData.giftCards": "null where nobody told it",
        **dict.fromkeys(
            (
                "shippingData.address",
                "shippingData.selectedAddresses[]",
                "shippingData.availableAddresses[]",
                "shippingData.logisticsInfo[].slas[].pickupStoreInfo",
                "shippingData.pickupPoints[].address",
                "clientProfileData",
                "invoiceData.address",
            ),
            "null where nobody told it",
        ),
    },
    "document": {
        "authorizationPolicyData": "the same",
        "totals[].id": "`Change` of a changed order, as the published example adds up",
        "changesAttachment.changesData[].itemsAdded[].unitMultiplier": "a decimal, as in items",
        "changesAttachment.changesData[].itemsRemoved[].unitMultiplier": "the same",
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
    "PATCH /api/order-system/orders/{changeOrderId}/changes": {
        "totals": "objects, as the preview and the details have them; the schema says texts",
        "add": "objects like `to`, as the prose says; the schema says texts",
        "remove": "objects like `from`, as the prose says; the schema says texts",
        "replace[].from.shippingData.logisticsInfo": "objects, as in `to`; the schema says texts",
        "replace[].to.items[].priceDefinition": "an object in the other examples",
        "replace[].from.items[].unitMultiplier": "a decimal for goods sold by weight",
        "replace[].to.items[].unitMultiplier": "a decimal for goods sold by weight",
    },
    "POST /api/order-system/orders/{changeOrderId}/changes/preview": {
        "add": "objects like `to`, as the prose says; the schema says texts",
        "remove": "objects like `from`, as the prose says; the schema says texts",
    },
    "GET /api/order-system/orders/{changeOrderId}/changes/{changeRequestId}": {
        "add": "objects like `to`, as the prose says; the schema says texts",
        "remove": "objects like `from`, as the prose says; the schema says texts",
        "replace[].from.shippingData.logisticsInfo": "objects, as in `to`; the schema says texts",
        "replace[].to.items[].priceDefinition": "an object in the other examples",
        "replace[].to.items[].unitMultiplier": "a decimal for goods sold by weight",
    },
    "GET /api/orders/pvt/document/{orderId}/change-summary": {
        "original[].additionalInfo.offeringTypeId": "null in the example, as the next two",
        "original[].priceDefinition.reason": "null in the example",
        "original[].costPrice": "null when nobody told it",
        "added[].imageUrl": "null when nobody told it, as the next ones",
        "added[].detailUrl": "not told",
        "added[].refId": "null in the example of a removed item",
        "totals": "a list of totals in the example; the schema nests lists",
    },
    "PUT /api/checkout/pub/orders": {
        "orders[].userType": "null when nobody told it, as the next eight",
        "orders[].items[].refId": "not told",
        "orders[].items[].productRefId": "not told",
        "orders[].items[].productCategoryIds": "not told",
        "orders[].items[].priceValidUntil": "not told",
        "orders[].items[].additionalInfo.brandName": "not told",
        "orders[].items[].additionalInfo.brandId": "not told",
        "orders[].shippingData.logisticsInfo[].slas[].transitTime": "not told",
        "orders[].paymentData.transactions[].payments[].accountId": "null but for a saved card",
    },
    "POST /api/checkout/pub/orderForms/simulation": {
        "paymentData.installmentOptions": "a list of objects in the example, not of lists",
        "items[].unitMultiplier": "a decimal for goods sold by weight",
        "items[].priceTags": "fractions and nulls, as checkout.json has them",
    },
    "GET /api/checkout/pvt/configuration/orderForm": {
        "paymentConfiguration": "null as the guide's defaults have it",
        "recaptchaValidation": "null as the guide's defaults have it",
    },
    "GET /api/checkout/pub/pickup-points": {
        "items[].pickupPoint.address": "null where nobody told it, decimals for coordinates",
    },
    "GET /api/checkout/pub/profiles": dict.fromkeys(
        ("userProfileId", "profileProvider", "userProfile", "availableAddresses[]"),
        "null where nothing is known of the shopper",
    ),
    "GET /api/checkout/pub/postal-code/{countryCode}/{postalCode}": {
        "geoCoordinates[]": "decimals, as places have them",
    },
    "GET /api/checkout/pub/regions/{regionId}": {
        "": "an array, as the guide and clients have it; the file shows one object",
    },
    "GET /api/checkout/pub/orderForm/{orderFormId}/installments": {
        "paymentSystem": "a text in real carts, and as clients type it",
    },
    "POST /api/fulfillment/pvt/orders": {
        "": "an array of orders comes in, and their array goes out; the schema says one object",
        "orderData": "the body as it was understood, with the nulls that were sent",
    },
    "GET /api/do/tasks": {"items[].assignee.name": "null where nobody told it, as when created"},
    "GET /api/orders/feed": {"[].lastState": "null for the first status of an order"},
    "GET /api/oms/pvt/orders": _LIST_MISTYPED,
    "GET /api/oms/user/orders": _LIST_MISTYPED,
    "GET /api/oms/user/orders/{orderId}": dict.fromkeys(
        (
            *("marketingData", "shippingData.trackingHints", "changesAttachment", "taxData"),
            *("checkedInPickupPointId", "cancellationData", "invoiceData", "customData"),
            *("giftRegistryData", "subscriptionData", "callCenterOperatorData"),
            "paymentData.transactions[].payments[]",
        ),
        "the document of Get order, whose schema allows what is null or a list here",
    ),
    "POST /api/orders/extendsearch/orders": {
        **_LIST_MISTYPED,
        "list[].status": "null while the order is incomplete",
        "list[].authorizedDate": "null until paid",
        "list[].paymentApprovedDate": "null until paid",
        "list[].shippingEstimatedDateMax": "null when no estimate was given",
        "list[].shippingEstimatedDateMin": "null when no estimate was given",
        "list[].orderFormId": "null when nobody told it",
    },
}

# Refusals of another shape than all others.
REFUSED_SO = {
    ("POST /api/order-integration/orders", 400): "the published envelope, with every wrong field",
    ("PUT /api/order-integration/orders/status", 400): "the same",
}

# Documents in which a text or number is null when nothing was said of it: clients tell what was
# said from what was not, and the published examples have such nulls too.
NULLABLE = frozenset({"order", "document", "placed"}) | {
    "PUT /api/checkout/pub/orders",
    "GET /api/oms/pvt/orders/{orderId}",
    "GET /api/oms/user/orders/{orderId}",
    "GET /api/oms/pvt/orders/order-group/{orderGroup}",
    "GET /api/orders/pvt/document/{orderId}",
    "PATCH /api/order-system/orders/{changeOrderId}/changes",
    "POST /api/order-system/orders/{changeOrderId}/changes/preview",
    "GET /api/order-system/orders/{changeOrderId}/changes/{changeRequestId}",
    "GET /api/orders/pvt/document/{orderId}/change-summary",
    "POST /api/orders/extendsearch/orders",
}

OMITTED = {
    "order": {
        "items[].priceDefinitions": "`priceDefinition` in every example",
        "packageAttachment.packages[].restitutions.Refund": "{} for an Output",
    },
    "document": {},
    "cart": {},
    "row": {},
    "GET /api/oms/pvt/orders": _LIST_OMITTED,
    "GET /api/oms/user/orders": _LIST_OMITTED,
    "GET /api/oms/user/orders/{orderId}": {
        "paymentData.transactions[].payments[].connectorResponses": "kept as the connector said",
    },
    "POST /api/orders/extendsearch/orders": _LIST_OMITTED,
    # The file shows the notification that the hook will be given; clients read back what they
    # posted.
    "POST /api/orders/hook/config": dict.fromkeys(
        ("Domain", "OrderId", "State", "LastState", "LastChange", "CurrentChange", "Origin"),
        "the schema is that of a notice",
    ),
}

ADDED = {
    "order": {
        "cancellationRequests": "the guide and the example of an order group have it",
        "items[].priceDefinition": "the name in every example",
        "shippingData.logisticsInfo[].deliveryChannel": "in the example",
        "shippingData.logisticsInfo[].slas[].deliveryChannel": "in the example",
        **dict.fromkeys(
            (
                *("items[].manualPriceAppliedBy", "shippingData.logisticsInfo[].itemId"),
                "shippingData.logisticsInfo[].slas[].shippingEstimateDate",
                "shippingData.logisticsInfo[].slas[].availableDeliveryWindows",
                "shippingData.logisticsInfo[].slas[].deliveryIds",
                "shippingData.logisticsInfo[].slas[].listPrice",
                *("shippingData.availableAddresses", "shippingData.contactsInfo"),
                *("creationEnvironment", "approvedBy", "cancelledBy", "purchaseAgentData"),
                *("pendingData", "budgetData"),
            ),
            "in the example of an order group, or in documents of today",
        ),
        **{
            f"paymentData.transactions[].payments[].billingAddress.{name}": "in documents of today"
            for name in (
                *("addressType", "receiverName", "addressId", "versionId", "entityId"),
                "contactId",
            )
        },
    },
    "document": {"merchantContextData": "in documents of today"},
    "row": dict.fromkeys(("isAllDelivered", "isAnyDelivered"), "in lists of today"),
    "POST /api/orders/hook/config": dict.fromkeys(
        ("filter", "hook"), "answers like GET; the schema is that of a notice"
    ),
}
