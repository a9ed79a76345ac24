"""Orders that lived elsewhere before, read from the published Get-order shape (OMS or PII)."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from oms_ledger.decimal_numbers import decimal_number
from oms_ledger.orders import events
from oms_ledger.orders.amounts import LARGEST, cents
from oms_ledger.orders.order_ids import LONGEST, is_order_id
from oms_ledger.orders.parsing import (
    Part,
    instant,
    integer,
    maybe_instant,
    part_of,
    section,
    sections,
    short_text,
    text,
    wrong,
)
from oms_ledger.orders.placement import kept_details as kept
from oms_ledger.orders.pricing import Tag, line_total, percentage, round_cents, tag_value
from oms_ledger.orders.status import ALIASES, Status
from oms_ledger.orders.totals import ARITHMETIC, figures, shipping_price

Json = dict[str, Any]


_FLOWS = {"Fulfillment": "seller", "Chain": "chain"}
_CAUSES = {
    "requestedByUser": "user",
    "requestedBySystem": "system",
    "requestedBySellerNotification": "seller-notification",
    "requestedByPaymentNotification": "payment-notification",
}


def is_document(given: Any) -> bool:
    """Whether this is an order as Get order answers it, not a request to place one."""
    return (
        isinstance(given, Mapping)
        and bool(given.get("orderId") or given.get("id"))
        and "creationDate" in given
        and "totals" in given
    )


def import_document(document: Json, *, resume: bool = False) -> tuple[str, events.OrderImported]:
    """The id of an order and the one event that says it as far as its document does.

    With `resume` its timers go on where they stood; else nothing moves the order by itself.
    """
    if not isinstance(document, dict):
        raise wrong("document", document, "an object")
    order_id = document.get("orderId") or document.get("id")
    if not isinstance(order_id, str) or not is_order_id(order_id):
        raise wrong("orderId", order_id, f"a text of 1 to {LONGEST} characters for a path")
    order = part_of(document, "")
    payment_data = section(order, "paymentData")
    placed = _placed(order, order_id, payment_data)
    status = _status(order.get("status", order.get("state")))
    created = instant(order, "creationDate")
    changed = instant(order, "lastChange", missing=created)
    authorized = maybe_instant(order, "authorizedDate")
    cancellation = _cancellation(order)
    return order_id, events.OrderImported(
        placed=placed,
        status=status,
        created_at=created,
        changed_at=changed,
        authorized_at=authorized,
        invoiced_at=maybe_instant(order, "invoicedDate"),
        invoices=_invoices(order, placed.items),
        cancellation=cancellation and replace(cancellation, reason=None),
        client_profile=_profile(order),
        address=_address(order),
        invoice_data=_invoice_data(order, payment_data),
        custom_data=section(order, "customData"),
        open_text=_open_text(order),
        cancel_reason=cancellation.reason if cancellation else None,
        timers=resume,
    )


def _status(given: Any) -> str | None:
    if given in (None, ""):
        return None
    try:
        return ALIASES[given].value if given in ALIASES else Status(given).value
    except (ValueError, TypeError):
        raise wrong("status", given, "a published status or null") from None


def _flow(order: Part, items: tuple[events.Item, ...]) -> str:
    origin = order.get("origin")
    if origin in tuple(_FLOWS):
        return _FLOWS[origin]
    if origin != "Marketplace":
        raise wrong("origin", origin, "Marketplace, Fulfillment or Chain")
    own = ("1", order.get("hostname"))
    return "complete" if all(item.seller in own for item in items) else "marketplace"


def _placed(order: Part, order_id: str, payment_data: Part) -> events.OrderPlaced:
    items = _items(order)
    if not items:
        raise wrong("items", order.get("items"), "at least one item")
    totals = _totals(order)
    transactions = sections(payment_data, "transactions")
    active = next((t for t in transactions if t.get("isActive")), None)
    transaction = active or (transactions[0] if transactions else part_of({}, ""))
    sellers = sections(order, "sellers")
    seller = sellers[0] if sellers else part_of({}, "")
    shipping = section(order, "shippingData")
    return events.OrderPlaced(
        flow=_flow(order, items),
        order_group=short_text(order, "orderGroup", order_id.rsplit("-", 1)[0]),
        sequence=integer(order, "sequence"),
        seller=short_text(seller, "id", items[0].seller),
        seller_name=text(seller, "name", ""),
        items=items,
        totals=totals,
        logistics=_deliveries(shipping, len(items), totals),
        payments=tuple(
            _payment(part) for t in kept.counting(transactions) for part in sections(t, "payments")
        ),
        transaction_id=short_text(transaction, "transactionId", "") or None,
        merchant_name=short_text(
            order, "merchantName", short_text(transaction, "merchantName", "")
        ),
        sales_channel=short_text(order, "salesChannel", "1"),
        marketplace_order_id=short_text(order, "marketplaceOrderId", "") or None,
        seller_order_id=short_text(order, "sellerOrderId", "") or None,
        affiliate_id=short_text(order, "affiliateId", ""),
        order_form_id=short_text(order, "orderFormId", "") or None,
        gift_cards=tuple(dict(card) for card in sections(payment_data, "giftCards")),
        marketing=_kept(order, "marketingData"),
        preferences=_kept(order, "clientPreferencesData"),
        store_preferences=dict(section(order, "storePreferencesData")),
        details=kept.details(order, shipping, payment_data),
    )


def _items(order: Part) -> tuple[events.Item, ...]:
    """The lines; one without a unique id goes by its SKU and, where that is taken, its place."""
    items: list[events.Item] = []
    for index, part in enumerate(sections(order, "items")):
        item = _item(part)
        if any(item.unique_id == other.unique_id for other in items):
            item = replace(item, unique_id=f"{item.unique_id}-{index}")
        items.append(item)
    return tuple(items)


def _kept(order: Part, key: str) -> Json | None:
    return None if order.get(key) is None else dict(section(order, key))


def _item(part: Part) -> events.Item:
    multiplier = part.get("unitMultiplier")
    unit_multiplier = decimal_number(1 if multiplier is None else multiplier)
    if unit_multiplier is None or unit_multiplier <= 0:
        raise wrong(part.name("unitMultiplier"), multiplier, "a number above 0")
    sku = short_text(part, "id")
    price, quantity = integer(part, "price", least=0), integer(part, "quantity", least=1)
    base = line_total(price, quantity, unit_multiplier)
    if max(base, price * quantity) > LARGEST:
        raise wrong(part.name("quantity"), quantity, f"a line of at most {LARGEST} cents")
    item = events.Item(
        unique_id=short_text(part, "uniqueId", sku),
        id=sku,
        seller=short_text(part, "seller", "1"),
        quantity=quantity,
        price=price,
        unit_multiplier=unit_multiplier,
        price_tags=tuple(_price_tag(tag, base) for tag in sections(part, "priceTags")),
        tax=integer(part, "tax", 0),
        details=kept.beside(part, kept.ITEM),
        arithmetic=ARITHMETIC,
    )
    return replace(item, difference=_difference(part, item))


def _difference(part: Part, item: events.Item) -> int:
    """What the document says that the line costs beyond its prices and tags, in cents."""
    definition = part.get("priceDefinition")
    total = cents(definition.get("total")) if isinstance(definition, Mapping) else None
    return 0 if total is None else total - figures(item).total


def _price_tag(part: Part, base: int) -> events.PriceTag:
    """OMS documents have cents in `value`; PII documents have currency units in `rawValue`."""
    name, identifier = text(part, "name", ""), part.get("identifier")
    value, raw = (_decimal(part, key) for key in ("value", "rawValue"))
    rate = percentage(value, raw) if part.get("isPercentual") is True else None
    if rate is None and value is not None:
        amount = integer(part, "value")
    else:
        amount = round_cents((raw or Decimal(0)) * 100)
    return events.PriceTag(
        name=name,
        value=tag_value(Tag(name, amount, rate), base, 0),
        identifier=None if identifier is None else str(identifier),
        is_percentual=part.get("isPercentual") is True,
        rate=rate,
        details=kept.beside(part, kept.PRICE_TAG),
    )


def _decimal(part: Part, key: str) -> Decimal | None:
    given = part.get(key)
    if given is None:
        return None
    exact = decimal_number(given)
    if exact is None:
        raise wrong(part.name(key), given, "a number")
    return exact


def _totals(order: Part) -> tuple[events.Total, ...]:
    totals = tuple(
        events.Total(short_text(part, "id"), integer(part, "value"))
        for part in sections(order, "totals")
    )
    if not totals:
        raise wrong("totals", order.get("totals"), "a list of totals")
    return totals


def _deliveries(shipping: Part, lines: int, totals: tuple[events.Total, ...]) -> tuple[Json, ...]:
    """The deliveries; `price` is the freight where that and not `sellingPrice` adds up."""
    deliveries = [_logistics(part, lines) for part in sections(shipping, "logisticsInfo")]
    fields = sum(total.value for total in totals if total.id == "Shipping")
    prices = [cents(one.get("price") or 0) or 0 for one in deliveries]
    if sum(map(shipping_price, deliveries)) != fields == sum(prices):
        return tuple(
            {**one, "freight": price} for one, price in zip(deliveries, prices, strict=True)
        )
    return tuple(deliveries)


def _logistics(part: Part, items: int) -> Json:
    index = _index(part, items)
    sections(part, "slas")
    for key in ("price", "sellingPrice", "listPrice"):
        integer(part, key, 0)
    whole = {"itemIndex": index} if part.get("itemIndex") is not None else {}
    return {key: value for key, value in part.items() if key != "freight"} | whole


def _index(part: Part, items: int) -> int:
    index = integer(part, "itemIndex", 0, least=0)
    if index >= items:
        raise wrong(part.name("itemIndex"), index, f"less than {items}, the number of items")
    return index


def _payment(part: Part) -> events.Payment:
    value = integer(part, "value")
    return events.Payment(
        id=short_text(part, "id"),
        payment_system=short_text(part, "paymentSystem", ""),
        payment_system_name=text(part, "paymentSystemName", ""),
        group=text(part, "group", ""),
        value=value,
        reference_value=integer(part, "referenceValue", value),
        installments=integer(part, "installments", 1),
        details=kept.beside(part, kept.PAYMENT | kept.CARD),
    )


def _invoices(order: Part, items: tuple[events.Item, ...]) -> tuple[events.InvoiceIssued, ...]:
    packages = sections(section(order, "packageAttachment"), "packages")
    return tuple(_invoice(part, items) for part in packages)


def _invoice(part: Part, items: tuple[events.Item, ...]) -> events.InvoiceIssued:
    restitutions = section(part, "restitutions")
    section(restitutions, "refund")
    section(restitutions, "Refund")
    section(part, "courierStatus")
    kind = text(part, "type", "Output").capitalize()
    if kind not in ("Output", "Input"):
        raise wrong(part.name("type"), part.get("type"), "Output or Input")
    return events.InvoiceIssued(
        number=short_text(part, "invoiceNumber"),
        type=kind,
        value=integer(part, "invoiceValue"),
        issued_at=instant(part, "issuanceDate"),
        receipt="",
        items=tuple(_invoiced_item(entry, items) for entry in sections(part, "items")),
        inferred=bool(part.get("EnableInferItems") or part.get("enableInferItems")),
        refund=_refund(restitutions) if kind == "Input" else None,
        details=kept.beside(part, kept.PACKAGE),
    )


def _refund(restitutions: Part) -> int | None:
    fields = section(restitutions, "Refund") or section(restitutions, "refund")
    return integer(fields, "value") if fields.get("value") is not None else None


def _invoiced_item(part: Part, items: tuple[events.Item, ...]) -> events.InvoicedItem:
    description = part.get("description")
    index = _index(part, len(items))
    return events.InvoicedItem(
        item_index=index,
        unique_id=items[index].unique_id,
        quantity=integer(part, "quantity", least=0),
        price=integer(part, "price", 0),
        description=None if description is None else str(description),
    )


def _cancellation(order: Part) -> events.CancellationStarted | None:
    if not kept.is_canceled(order):
        return None
    data = kept.cancellation_data(order)
    requests = sections(order, "cancellationRequests")
    latest = short_text(requests[-1], "id") if requests else ""
    cause = next((cause for key, cause in _CAUSES.items() if data.get(key)), "unknown")
    return events.CancellationStarted(
        by=cause,
        receipt=str(data.get("cancellationRequestId") or latest),
        reason=data.get("reason") or order.get("cancelReason"),
    )


def _profile(order: Part) -> Json:
    given = section(order, "clientProfileData")
    names = {key: text(given, key) for key in ("firstName", "lastName") if given.get(key)}
    return {**given, **names, **kept.personal(order)}


def _address(order: Part) -> Json:
    """The address, and the others of the document where they are not the same."""
    shipping = section(order, "shippingData")
    address = dict(section(shipping, "address"))
    others = {key: shipping[key] for key in kept.ADDRESSES if key in shipping}
    return {**address, **{key: fields for key, fields in others.items() if fields != [address]}}


def _invoice_data(order: Part, payment_data: Part) -> Json:
    billing = {
        short_text(payment, "id"): payment["billingAddress"]
        for transaction in sections(payment_data, "transactions")
        for payment in sections(transaction, "payments")
        if payment.get("billingAddress")
    }
    given = dict(section(order, "invoiceData"))
    return {**given, "billing": billing} if billing else given


def _open_text(order: Part) -> str | None:
    given = order.get("openTextField")
    if isinstance(given, Mapping):
        given = given.get("value")
    if given is not None and not isinstance(given, str):
        raise wrong("openTextField", given, 'null or {"value": text}')
    return given
