"""v2 requests as they are answered: when they are taken, looked up, previewed or summed up."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders.changes import settings as changes_settings
from oms_ledger.orders.changes.arithmetic import moved_totals
from oms_ledger.orders.changes.planning import Moved, Plan
from oms_ledger.orders.changes.request import ChangeInput
from oms_ledger.orders.changes.state import DONE, ChangeRequest
from oms_ledger.orders.documents.lines import item_facts
from oms_ledger.orders.documents.lines import totals as order_totals
from oms_ledger.orders.documents.pii import pii_document
from oms_ledger.orders.documents.shapes import cut, flags, lists, nulls
from oms_ledger.orders.events import Item, Json, Total
from oms_ledger.orders.instants import PII_ZONE, spell
from oms_ledger.orders.order import Order

Fields = dict[str, Any]

_TOTALS = {"Change": ("ManualValues", "Manual Values Total")}

_FROM_ITEM = {
    **nulls("uniqueId id"),
    **nulls("quantity"),
    **nulls("price measurementUnit unitMultiplier sellingPrice name detailUrl imageUrl refId"),
    **lists("priceTags deliveryIds"),
}
_TO_ITEM = {
    **nulls("uniqueId id"),
    **nulls("productId productRefId refId ean name skuName modalType parentItemIndex"),
    **nulls("parentAssemblyBinding"),
    **lists("assemblies"),
    **nulls("priceValidUntil"),
    **nulls("tax"),
    **nulls("price listPrice manualPrice manualPriceAppliedBy sellingPrice"),
    **nulls("rewardValue"),
    **flags("isGift"),
    "additionalInfo": {
        **nulls("dimension brandName brandId offeringInfo offeringType offeringTypeId"),
        **nulls("categoriesIds productClusterId commercialConditionId"),
    },
    **nulls("preSaleDate productCategoryIds"),
    "productCategories": {},
    **nulls("quantity"),
    **nulls("seller"),
    **lists("sellerChain"),
    **nulls("imageUrl detailUrl"),
    **lists("components bundleItems attachments attachmentOfferings offerings priceTags"),
    **nulls("availability"),
    "measurementUnit": "un",
    **nulls("unitMultiplier"),
    **nulls("manufacturerCode priceDefinition"),
    **lists("deliveryIds"),
}
_DELIVERY = {
    **nulls("itemIndex"),
    **nulls("selectedSla selectedDeliveryChannel addressId"),
    **lists("slas shipsTo"),
    **nulls("itemId"),
    **lists("deliveryChannels"),
    **nulls("price listPrice"),
    **nulls("shippingEstimate dockEstimate shippingEstimateDate lockTTL deliveryCompany"),
    **nulls("polygonName transitTime"),
    **nulls("sellingPrice"),
    **lists("deliveryIds"),
    **nulls("deliveryWindow pickupPointId"),
    "pickupStoreInfo": {
        **flags("isPickupStore"),
        **nulls("friendlyName address additionalInfo dockId"),
    },
    **nulls("pickupDistance"),
}

_from_item, _to_item, _delivery = cut(_FROM_ITEM), cut(_TO_ITEM), cut(_DELIVERY)
_ROW_ITEM = tuple(
    {
        **nulls("id uniqueId quantity price measurementUnit unitMultiplier imageUrl"),
        **nulls("sellingPrice priceTags detailUrl name refId deliveryIds"),
    }
)


def operations(order: Order, plan: Plan) -> Json:
    """`add`, `remove` and `replace` as they were understood: null where none was requested."""
    return {
        "add": [_to(order, side) for side in plan.added] or None,
        "remove": [_from(order, side) for side in plan.removed] or None,
        "replace": [
            {"from": _from(order, before), "to": _to(order, after)}
            for before, after in plan.replaced
        ]
        or None,
        "notes": plan.notes,
    }


def _item(item: Item, delivery: Json | None) -> Fields:
    fields = item_facts(item, None)
    ids = (delivery or {}).get("deliveryIds") or []
    return {
        "measurementUnit": "un",
        "skuName": fields["name"],
        "sellerChain": [item.seller],
        **fields,
        "deliveryIds": ids,
    }


def _from(order: Order, side: Sequence[Moved]) -> Fields:
    return {
        "paymentData": {"transactions": []},
        "items": [_from_item(_item(*moved), PII_ZONE) for moved in side],
        "shippingData": _shipping(order, side),
    }


def _to(order: Order, side: Sequence[Moved]) -> Fields:
    return {
        "items": [_to_item(_item(*moved), PII_ZONE) for moved in side],
        "paymentData": {"transactions": []},
        "receiptData": None,
        "shippingData": _shipping(order, side),
    }


def _shipping(order: Order, side: Sequence[Moved]) -> Fields:
    known = [(item, delivery) for item, delivery in side if delivery is not None]
    return {
        "logisticsInfo": [
            _delivery(
                {
                    "listPrice": delivery.get("price") or 0,
                    "addressId": order.placed.address.get("addressId"),
                    "selectedDeliveryChannel": "delivery",
                    **delivery,
                    "itemIndex": index,
                    "itemId": item.id,
                },
                PII_ZONE,
            )
            for index, (item, delivery) in enumerate(known)
        ]
    }


def _named(total: Total) -> Fields:
    id, name = _TOTALS.get(total.id, (total.id, f"{total.id} Total"))
    return {"id": id, "name": name, "value": total.value}


def _answered(
    order: Order,
    *,
    at: datetime,
    reason: str | None,
    discount: int,
    increment: int,
    value: int,
    moved: Sequence[Total],
    content: Json,
    settings: Json,
) -> Fields:
    return {
        "reason": reason or "",
        "manualDiscountValue": discount,
        "manualIncrementValue": increment,
        "totalChangeValue": value,
        "totals": [_named(total) for total in moved],
        "add": content.get("add"),
        "remove": content.get("remove"),
        "replace": content.get("replace"),
        "date": spell(at, PII_ZONE),
        "origin": {
            "account": order.account,
            "orderId": order.order_id,
            "component": f"{'Fulfillment' if order.flow == 'seller' else 'Marketplace'}Component",
        },
        "settings": settings,
    }


def request_answer(order: Order, request: ChangeRequest) -> Fields:
    """The 202: what was requested, and what it will come to."""
    requested = request.requested
    content = _answered(
        order,
        at=request.at,
        reason=requested.reason,
        discount=requested.manual_discount,
        increment=requested.manual_increment,
        value=requested.value,
        moved=moved_totals(request.before.totals, requested.totals),
        content=_with_person(requested.operations, requested.client_profile),
        settings=requested.settings,
    )
    if requested.origin_account:
        content["origin"] |= {
            "account": requested.origin_account,
            "orderId": requested.origin_order_id,
        }
    return {"requestId": requested.request_id, "workflowId": requested.workflow_id, **content}


def _with_person(content: Json, client_profile: Json) -> Json:
    """The operations with the client's data where they were sent: beside the first `to`."""
    pairs = content.get("replace")
    if not client_profile or not pairs:
        return content
    first = {**pairs[0], "to": {**pairs[0]["to"], "clientProfileData": [client_profile]}}
    return {**content, "replace": [first, *pairs[1:]]}


def preview_answer(
    order: Order, plan: Plan, requested: ChangeInput, settings: Json, at: datetime
) -> Fields:
    """What the 202 would be, and besides what the order's totals would be, with notes."""
    content = _answered(
        order,
        at=at,
        reason=requested.reason,
        discount=requested.manual_discount,
        increment=requested.manual_increment,
        value=plan.value,
        moved=moved_totals(order.totals, plan.totals),
        content=_with_person(operations(order, plan), plan.client_profile),
        settings=settings,
    )
    content["replace"] = content["replace"] or []
    return {
        **content,
        "orderTotals": order_totals(replace(order, totals=plan.totals)),
        "notes": plan.notes,
    }


def details(order: Order, request: ChangeRequest) -> Fields:
    """A request with its status, its log, and the error it waits with."""
    whole = request_answer(order, request)
    error = request.error
    canceled = request.cancellation
    return {
        "requestId": whole.pop("requestId"),
        "workflowId": whole.pop("workflowId"),
        "status": request.status,
        "inProgress": request.in_progress,
        **whole,
        "replace": whole["replace"] or [],
        "settings": _payment_settings(request),
        "logs": [
            {"date": spell(log.at, PII_ZONE), "step": log.step, "message": log.message}
            for log in request.logs
        ],
        "tries": request.tries,
        "error": _error(error.code, error.message) if error else None,
        "cancellation": _error(canceled.code, canceled.reason) if canceled else None,
    }


def _error(code: str | None, message: str | None) -> Fields:
    return {"code": code, "message": message}


def _payment_settings(request: ChangeRequest) -> Fields:
    allowed = changes_settings.payment_systems(request.requested.settings)
    return {"customPaymentSystemsAllowed": sorted(allowed)}


def history(order: Order) -> Fields:
    """Every request that is done, oldest first."""
    return {
        "requests": [_row(order, request) for request in _done(order)],
        "actions": [],
    }


def _done(order: Order) -> list[ChangeRequest]:
    return [request for request in order.change_requests if request.ended == DONE]


def _row(order: Order, request: ChangeRequest) -> Fields:
    whole = request_answer(order, request)
    return {
        **whole,
        "add": _one(whole["add"]),
        "remove": _one(whole["remove"]),
        "replace": whole["replace"] or [],
        "settings": _payment_settings(request),
    }


def _one(sides: list[Fields] | None) -> Fields | None:
    """Several sides of the same kind as one, as the history publishes them."""
    if not sides:
        return None
    first = dict(sides[0])
    first["items"] = [item for side in sides for item in side["items"]]
    deliveries = [one for side in sides for one in side["shippingData"]["logisticsInfo"]]
    first["shippingData"] = {"logisticsInfo": deliveries}
    return first


def summary(order: Order) -> Fields:
    """What all done requests came to together, against the order as placed."""
    done = _done(order)
    content = [request.requested.operations for request in done]
    pairs = [pair for one in content for pair in one.get("replace") or ()]
    moved: dict[str, int] = {}
    for request in done:
        for total in moved_totals(request.before.totals, request.requested.totals):
            moved[total.id] = moved.get(total.id, 0) + total.value
    change = sum(request.requested.value for request in done)
    last = done[-1].ended_at if done else None
    return {
        "original": _original(order),
        "added": [
            {**_row_item(item), "totalQuantity": item["quantity"]}
            for one in content
            for side in one.get("add") or ()
            for item in side["items"]
        ],
        "removed": [
            _row_item(item)
            for one in content
            for side in one.get("remove") or ()
            for item in side["items"]
        ],
        "replaced": [_replaced(pair) for pair in pairs],
        "manualDiscountValueAggregated": sum(r.requested.manual_discount for r in done),
        "manualIncrementValueAggregated": sum(r.requested.manual_increment for r in done),
        "totalChangeValueAggregated": change,
        "totalChangesValueAggregated": change,
        "totals": [
            {**_named(Total(id, value)), "alternativeTotals": None} for id, value in moved.items()
        ],
        "requests": [
            {
                "requestId": request.id,
                "reason": request.requested.reason,
                "totalChangeValue": request.requested.value,
                "receipt": request.receipt,
                "date": spell(request.ended_at or request.at, PII_ZONE),
            }
            for request in done
        ],
        "lastChange": spell(last or order.created_at, PII_ZONE),
    }


def _original(order: Order) -> list[Fields]:
    placed = order.placed
    document = pii_document(
        replace(order, items=placed.items, logistics=placed.logistics, invoices=())
    )
    deliveries = document["shippingData"]["logisticsInfo"]
    ids = {one["itemIndex"]: one["deliveryIds"] for one in deliveries}
    return [
        {
            **item,
            "itemIndex": index,
            "totalQuantity": item["quantity"],
            "deliveryIds": ids.get(index, []),
            "manualPriceAppliedBy": None,
            "customTax": None,
        }
        for index, item in enumerate(document["items"])
    ]


def _row_item(item: Fields) -> Fields:
    return {name: item.get(name) for name in _ROW_ITEM}


def _replaced(pair: Fields) -> Fields:
    kind = _kind(pair["from"]["items"], pair["to"]["items"])
    return {
        "replaceType": kind,
        "userInputType": kind,
        "from": {
            "items": [_row_item(item) for item in pair["from"]["items"]],
            "shippingData": pair["from"]["shippingData"],
        },
        "to": {
            "items": [
                {**_row_item(item), "totalQuantity": item["quantity"]}
                for item in pair["to"]["items"]
            ],
            "shippingData": pair["to"]["shippingData"],
        },
        "type": "UserInput",
    }


def _kind(before: Sequence[Fields], after: Sequence[Fields]) -> str:
    if {item["id"] for item in before} != {item["id"] for item in after}:
        return "ItemReplacement"
    for name, kind in (("unitMultiplier", "WeightChange"), ("price", "PriceChange")):
        if [item[name] for item in before] != [item[name] for item in after]:
            return kind
    return "QuantityChange"
