"""From a cart to the body of a placement: what it lacks, and what its orders take over."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from oms_ledger.carts.cart import Cart, Json
from oms_ledger.carts.context import CartCaller
from oms_ledger.carts.documents import deliveries, lines, order_form
from oms_ledger.carts.documents.deliveries import Estimates
from oms_ledger.carts.documents.paying import name_of
from oms_ledger.carts.payments import condition_of
from oms_ledger.carts.preferences import store_preferences
from oms_ledger.carts.pricing import PricedCart, PricedLine, Store
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.values import cents
from oms_ledger.offers.catalog import PICKUP
from oms_ledger.orders.events import OrderPlaced
from oms_ledger.orders.parts import Item

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def require_reference(cart: Cart, body: object) -> None:
    """Refuse a transaction that speaks of another cart."""
    reference = body.get("referenceId") if isinstance(body, dict) else None
    if reference is None:
        return
    given_fields = str(reference).replace("-", "").lower()
    if given_fields != cart.id:
        raise CartRefusal("ORD002", place="referenceId is that of another cart")


def require_complete(priced: PricedCart, store: Store, caller: CartCaller) -> None:
    """Refuse a cart that cannot become an order yet; what it lacks is named."""
    configuration = store.configuration
    if configuration.requires_login and caller.anonymous:
        raise CartRefusal("ORD062", place="sign in to place the order")
    if not priced.lines:
        raise CartRefusal("ORD005")
    if sum(one.line.quantity for one in priced.lines) < configuration.minimum_quantity:
        raise CartRefusal("CHK0248", configuration.minimum_quantity)
    minimum = configuration.minimum_value
    if priced.totals.items + priced.totals.discounts < minimum:
        raise CartRefusal("ORD036", minimum)
    if priced.cart.profile is None:
        raise CartRefusal("ORD007", "email")


def is_whole(priced: PricedCart) -> bool:
    """Whether every line is available; one that is not has a message."""
    return all(one.is_available for one in priced.lines)


def require_payable(priced: PricedCart, body: object) -> None:
    """Refuse lines without delivery, receiver or attachment, and a cart without payment."""
    for index, one in enumerate(priced.lines):
        _require_delivery(index, one)
        _require_attachments(one)
        if one.figures.total < 0:
            raise CartRefusal("CHK0053", place=f"line {index} is below zero")
    if priced.value < 0:
        raise CartRefusal("ORD004")
    _require_receiver(priced)
    paid = sum(one.reference_value for one in priced.payments)
    cards = sum(card["value"] for card in priced.gift_cards)
    if priced.value > 0 and not priced.payments and cards < priced.value:
        raise CartRefusal("CHK0209")
    if priced.value > 0 and paid + cards != priced.value:
        raise CartRefusal("ORD009", place=f"payments come to {paid + cards} of {priced.value}")
    _require_same_total(priced, body)


def _require_delivery(index: int, priced: PricedLine) -> None:
    chosen = priced.delivery
    if chosen.sla is None:
        raise CartRefusal("ORD045", place=f"line {index} has no delivery")
    if chosen.sla.windows and chosen.window is None:
        raise CartRefusal("ORD046", place=f"line {index}")
    if chosen.channel == PICKUP and chosen.sla.pickup_point is None:
        raise CartRefusal("ORD048", place=f"line {index}")


def _require_attachments(priced: PricedLine) -> None:
    written = {one.name for one in priced.line.attachments if any(one.content.values())}
    for one in priced.offer.attachments:
        if one.required and one.name not in written:
            raise CartRefusal("ORD025", priced.offer.label)


def _require_receiver(priced: PricedCart) -> None:
    """What is sent needs a full address; what is picked up needs somebody who comes."""
    sent = any(one.delivery.channel != PICKUP for one in priced.lines)
    address = priced.cart.delivery_address
    if not sent:
        if not _receiver(priced):
            raise CartRefusal("ORD006", "receiverName")
        return
    if address is None:
        raise CartRefusal("ORD006", "address")
    for name in ("receiverName", "street", "city", "country"):
        if not address.get(name):
            raise CartRefusal("ORD006", name)


def _receiver(priced: PricedCart) -> str | None:
    named = (one.get("receiverName") for one in priced.cart.addresses)
    profile = priced.cart.profile or {}
    whole = " ".join(filter(None, (profile.get("firstName"), profile.get("lastName"))))
    return next((name for name in named if name), None) or whole or None


def _require_same_total(priced: PricedCart, body: object) -> None:
    """Refuse a total that the shopper saw and that is none of the cart's."""
    sent = body.get("value") if isinstance(body, dict) else None
    if sent is None:
        return
    value = cents(sent)
    paid = sum(one.value for one in priced.payments)
    interest = paid - sum(one.reference_value for one in priced.payments)
    if value is None or value not in (priced.value + interest, paid):
        given_fields = priced.value + interest
        raise CartRefusal(
            "CHK0210", place=f"value is {sent!r}, the cart comes to {given_fields}"[:200]
        )


def placement_body(priced: PricedCart, store: Store, now: datetime) -> Json:
    """The cart as the body of a placement, with the figures that it was shown with."""
    cart = priced.cart
    estimates = Estimates(now, store.time_zone, shown=True)
    body: Json = {
        "orderFormId": cart.id,
        "items": [_item(one, now) for one in priced.lines],
        "clientProfileData": cart.profile,
        "shippingData": _shipping(priced, estimates),
        "paymentData": {
            "payments": [_payment(priced, i) for i in range(len(priced.payments))],
            "giftCards": list(priced.gift_cards),
        },
        "marketingData": None
        if cart.marketing is None
        else {**cart.marketing, "coupon": cart.coupon},
        "clientPreferencesData": {
            "locale": store.locale(cart),
            "optinNewsLetter": (cart.preferences or {}).get("optinNewsLetter") is True,
        },
        "storePreferencesData": store_preferences(store.country, store.currency, store.time_zone),
        "openTextField": cart.open_text,
        "customData": order_form.custom_data(cart),
        "itemMetadata": lines.metadata(priced.lines),
    }
    if cart.invoice_data is not None:
        body["invoiceData"] = cart.invoice_data
    if cart.merchant_context is not None:
        body |= cart.merchant_context
        body["merchantContextData"] = cart.merchant_context
    return body


def _item(priced: PricedLine, now: datetime) -> Json:
    given_fields = lines.item(priced, now, shows_manual_price=True)
    given_fields["priceTags"] = lines.price_tags(priced)
    return given_fields


def _shipping(priced: PricedCart, estimates: Estimates) -> Json:
    cart = priced.cart
    selected = deliveries.selected_addresses(cart, priced.lines)
    for one in selected:
        one["receiverName"] = one.get("receiverName") or _receiver(priced)
    address = cart.delivery_address or next(iter(selected), None)
    return {
        "address": address,
        "selectedAddresses": selected,
        "logisticsInfo": [
            _delivery(cart, index, one, estimates) for index, one in enumerate(priced.lines)
        ],
    }


def _delivery(cart: Cart, index: int, priced: PricedLine, estimates: Estimates) -> Json:
    chosen, line = priced.delivery, priced.line
    assert chosen.sla is not None, "a line without delivery was refused"
    sla = deliveries.sla(chosen.sla, line.seller, line.quantity, estimates, chosen)
    return {
        "itemIndex": index,
        "itemId": line.id,
        "selectedSla": chosen.sla.id,
        "selectedDeliveryChannel": chosen.channel,
        "deliveryChannel": chosen.channel,
        "addressId": deliveries.address_id(cart, chosen),
        "price": priced.figures.freight,
        "sellingPrice": priced.figures.freight,
        "listPrice": max(chosen.list_price, priced.figures.list_freight),
        "tax": chosen.tax,
        "slas": [sla],
        "shipsTo": list(priced.quote.ships_to),
        "deliveryChannels": deliveries.channels(priced.quote),
        "deliveryIds": sla["deliveryIds"],
        "deliveryWindow": sla["deliveryWindow"],
        "shippingEstimate": chosen.sla.estimate,
        "shippingEstimateDate": sla["shippingEstimateDate"],
        "deliveryCompany": chosen.sla.courier_name or chosen.sla.name,
        "pickupStoreInfo": sla["pickupStoreInfo"],
        "pickupPointId": sla["pickupPointId"],
        "lockTTL": None,
        "transitTime": chosen.sla.estimate,
        "polygonName": None,
    }


def _payment(priced: PricedCart, number: int) -> Json:
    one = priced.payments[number]
    condition = condition_of(priced.conditions, one.payment.payment_system)
    given_fields: Json = {
        "paymentSystem": one.payment.payment_system,
        "installments": one.payment.installments,
        "referenceValue": one.reference_value,
        "value": one.value,
        **one.payment.details,
    }
    if condition is not None:
        given_fields["paymentSystemName"] = name_of(condition)
    if condition is not None and condition.group and "PaymentGroup" not in condition.group:
        given_fields["group"] = condition.group
    return given_fields


def digest_of(priced: PricedCart, store: Store) -> str:
    """What says one placement of a cart from another; the time has no part in it."""
    given_fields = msgspec.json.encode(placement_body(priced, store, _EPOCH), order="deterministic")
    return hashlib.blake2b(given_fields, digest_size=16).hexdigest()


def finished(placed: OrderPlaced, priced: PricedCart) -> OrderPlaced:
    """An order of the cart with where its prices come from, and its own lines' fields alone."""
    manual = {one.line.unique_id for one in priced.lines if one.line.manual_price is not None}
    ids = {item.unique_id for item in placed.items}
    return replace(
        placed,
        filling=priced.cart.filling,
        items=tuple(_with_source(item, item.unique_id in manual) for item in placed.items),
        custom_data=_of_lines(placed.custom_data, ids),
    )


def _with_source(item: Item, is_manual: bool) -> Item:
    return replace(item, price_source="manual" if is_manual else "offer")


def _of_lines(custom_data: Json, ids: set[str]) -> Json:
    """Custom data without the fields of other orders' lines."""
    fields = custom_data.get("customFields")
    if not isinstance(fields, list):
        return custom_data
    kept = [
        one
        for one in fields
        if one["linkedEntity"]["type"] != "item" or one["linkedEntity"].get("id") in ids
    ]
    return {**custom_data, "customFields": kept}
