"""Deliveries of a cart as documents show them: SLAs, windows, pickup points, addresses."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from oms_ledger.carts.cart import Cart, Json
from oms_ledger.carts.delivery import ChosenDelivery
from oms_ledger.carts.pricing import PricedLine
from oms_ledger.carts.shipping import FIELDS
from oms_ledger.offers.catalog import PickupPoint
from oms_ledger.offers.quote import DeliveryWindow, LineQuote, Sla
from oms_ledger.orders.instants import read_estimate
from oms_ledger.time_zones import zone_or_utc


@dataclass(frozen=True, slots=True)
class Estimates:
    """When goods arrive is worked out only for who asks for it."""

    now: datetime
    time_zone: str
    shown: bool = False

    def date_of(self, estimate: str) -> str | None:
        """Now and the estimate, without Saturdays and Sundays where it is in business days."""
        read = read_estimate(estimate) if self.shown else None
        if read is None:
            return None
        count, unit = read
        at = self.now.astimezone(zone_or_utc(self.time_zone))
        if unit != "bd":
            at += {"d": timedelta(days=1), "h": timedelta(hours=1)}.get(
                unit, timedelta(minutes=1)
            ) * count
            return at.isoformat(timespec="seconds")
        while count > 0:
            at += timedelta(days=1)
            count -= at.weekday() < 5
        return at.isoformat(timespec="seconds")


def store_address(point: PickupPoint, receiver: str | None = None) -> Json:
    """The address of a pickup point in the published form."""
    fields = {name: point.address.get(name) for name in FIELDS}
    return {
        **fields,
        "addressType": "pickup",
        "addressId": point.address.get("addressId") or point.id,
        "receiverName": receiver,
        "isDisposable": True,
        "geoCoordinates": point.address.get("geoCoordinates") or [],
    }


def pickup_point_id(seller: str, point: PickupPoint) -> str:
    """The id of a pickup point as carts name it: `{seller}_{id}`."""
    return f"{seller}_{point.id}"


def business_hours(point: PickupPoint) -> list[Json]:
    """A pickup point's hours, as `businessHours` has them."""
    return [
        {"DayOfWeek": one.day, "OpeningTime": one.open, "ClosingTime": one.close}
        for one in point.hours
    ]


def pickup_point(point: PickupPoint, seller: str) -> Json:
    """A pickup point, as `pickupPoints` has it."""
    return {
        "friendlyName": point.name,
        "address": store_address(point),
        "additionalInfo": point.info,
        "id": pickup_point_id(seller, point),
        "businessHours": business_hours(point),
    }


def window(fields: DeliveryWindow) -> Json:
    """A delivery window; its price in cents stands under both published spellings."""
    return {
        "startDateUtc": fields.start,
        "endDateUtc": fields.end,
        "price": fields.price,
        "lisPrice": fields.price,
        "tax": 0,
    }


def sla(
    fields: Sla, seller: str, quantity: int, estimates: Estimates, chosen: ChosenDelivery | None
) -> Json:
    """An event of `slas[]`; its prices are of the whole line."""
    point = fields.pickup_point
    own_window = chosen.window if chosen and chosen.sla is fields else None
    return {
        "id": fields.id,
        "deliveryChannel": fields.channel,
        "name": fields.name,
        "friendlyName": point.name if point else None,
        "deliveryIds": [
            {
                "courierId": fields.courier_id,
                "warehouseId": fields.warehouse_id,
                "dockId": fields.dock_id,
                "courierName": fields.courier_name or fields.name,
                "quantity": quantity,
                "kitItemDetails": [],
            }
        ],
        "shippingEstimate": fields.estimate,
        "shippingEstimateDate": estimates.date_of(fields.estimate),
        "lockTTL": None,
        "availableDeliveryWindows": [window(one) for one in fields.windows],
        "deliveryWindow": window(own_window) if own_window else None,
        "price": fields.price,
        "listPrice": fields.list_price,
        "tax": fields.tax,
        "pickupStoreInfo": {
            "isPickupStore": point is not None,
            "friendlyName": point.name if point else None,
            "address": store_address(point) if point else None,
            "additionalInfo": point.info if point else None,
            "dockId": fields.dock_id if point else None,
        },
        "pickupPointId": pickup_point_id(seller, point) if point else None,
        "pickupDistance": fields.pickup_distance,
        "polygonName": None,
        "transitTime": fields.estimate,
    }


def logistics(cart: Cart, lines: Iterable[PricedLine], estimates: Estimates) -> list[Json]:
    """`logisticsInfo[]`, one event per line in their order."""
    return [_logistics(cart, index, one, estimates) for index, one in enumerate(lines)]


def _logistics(cart: Cart, index: int, priced: PricedLine, estimates: Estimates) -> Json:
    line, chosen = priced.line, priced.delivery
    return {
        "itemIndex": index,
        "selectedSla": chosen.sla.id if chosen.sla else None,
        "selectedDeliveryChannel": chosen.channel,
        "addressId": address_id(cart, chosen),
        "slas": [
            sla(one, line.seller, line.quantity, estimates, chosen) for one in priced.quote.slas
        ],
        "shipsTo": list(priced.quote.ships_to),
        "itemId": line.id,
        "deliveryChannels": channels(priced.quote),
    }


def channels(quote: LineQuote) -> list[Json]:
    """The delivery channels that a line has."""
    return [{"id": one} for one in quote.channels]


def address_id(cart: Cart, chosen: ChosenDelivery) -> str | None:
    """Where the line goes: the store's address when it is picked up there."""
    if chosen.sla is not None and chosen.sla.pickup_point is not None:
        point = chosen.sla.pickup_point
        return str(point.address.get("addressId") or point.id)
    address = cart.delivery_address or next(iter(cart.addresses), None)
    return None if address is None else address["addressId"]


def selected_addresses(cart: Cart, lines: Iterable[PricedLine]) -> list[Json]:
    """The address goods are sent to, and those of the stores where lines are picked up."""
    stores: dict[str, Json] = {}
    for priced in lines:
        chosen = priced.delivery.sla
        if chosen is not None and chosen.pickup_point is not None:
            address = store_address(chosen.pickup_point)
            stores[address["addressId"]] = address
    found = []
    for one in cart.addresses:
        store = stores.pop(one["addressId"], None)
        found.append(one if store is None else {**store, "receiverName": one["receiverName"]})
    return [*found, *stores.values()]


def pickup_points(lines: Iterable[PricedLine]) -> list[Json]:
    """Every store where a line may be picked up."""
    found: dict[str, Json] = {}
    for priced in lines:
        for one in priced.quote.slas:
            if one.pickup_point is not None:
                fields = pickup_point(one.pickup_point, priced.line.seller)
                found.setdefault(fields["id"], fields)
    return list(found.values())
