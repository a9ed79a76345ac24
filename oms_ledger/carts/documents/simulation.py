"""Answers to simulations: for storefronts, and for marketplaces whose seller the account is."""

from datetime import datetime

from oms_ledger.carts.cart import Json
from oms_ledger.carts.documents import deliveries, lines, paying
from oms_ledger.carts.documents.deliveries import Estimates
from oms_ledger.carts.documents.order_form import sellers, totalizers
from oms_ledger.carts.pricing import PricedCart, PricedLine, Store
from oms_ledger.carts.simulation import Simulation
from oms_ledger.offers.quote import Availability


def simulation(
    requested: Simulation,
    priced: PricedCart,
    store: Store,
    now: datetime,
    *,
    estimates: bool = False,
    shows_stock: bool = False,
) -> Json:
    """The form that storefronts read."""
    when = Estimates(now, store.time_zone, estimates)
    return {
        "items": [_item(one, now) for one in priced.lines],
        "ratesAndBenefitsData": {"rateAndBenefitsIdentifiers": [], "teaser": []},
        "paymentData": paying.payment_data(priced, store.account, now, named=True),
        "selectableGifts": [],
        "marketingData": requested.marketing,
        "postalCode": requested.postal_code,
        "country": requested.country,
        "logisticsInfo": [
            _logistics(index, one, when, shows_stock=shows_stock)
            for index, one in enumerate(priced.lines)
        ],
        "messages": [
            {"code": one.code, "text": one.text, "status": one.status, "fields": one.fields}
            for one in priced.cart.messages
        ],
        "purchaseConditions": {
            "itemPurchaseConditions": [_conditions(one, when) for one in priced.lines]
        },
        "pickupPoints": deliveries.pickup_points(priced.lines),
        "subscriptionData": None,
        "totals": totalizers(priced, store.language),
        "itemMetadata": lines.metadata(priced.lines),
        "sellers": sellers(priced, store),
        "geoCoordinates": requested.coordinates,
        "allowMultipleDeliveries": False,
        "minimumOrderValue": 0,
    }


def _item(priced: PricedLine, now: datetime) -> Json:
    line, offer = priced.line, priced.offer
    return {
        "id": line.id,
        "requestIndex": int(line.unique_id),
        "quantity": line.quantity,
        "seller": line.seller,
        "sellerChain": [line.seller],
        "tax": offer.tax,
        "taxCode": "",
        "priceValidUntil": lines.valid_until(offer, now),
        "price": offer.price,
        "listPrice": offer.price if offer.list_price is None else offer.list_price,
        "rewardValue": 0,
        "sellingPrice": priced.figures.selling_price,
        "offerings": lines.offerings(offer.services),
        "priceTags": lines.price_tags(priced),
        "measurementUnit": offer.measurement_unit,
        "unitMultiplier": lines.number(offer.unit_multiplier),
        "parentItemIndex": None,
        "parentAssemblyBinding": None,
        "availability": str(priced.quote.availability),
        "catalogProvider": None,
        "priceDefinition": lines.price_definition(priced.figures),
    }


def _logistics(index: int, priced: PricedLine, when: Estimates, *, shows_stock: bool) -> Json:
    quote, line, chosen = priced.quote, priced.line, priced.delivery
    balance = {"stockBalance": quote.stock} if shows_stock else {}
    return {
        "itemIndex": index,
        "addressId": None,
        "selectedSla": chosen.sla.id if chosen.sla else None,
        "selectedDeliveryChannel": chosen.channel,
        "quantity": line.quantity,
        **balance,
        "shipsTo": list(quote.ships_to),
        "slas": [deliveries.sla(one, line.seller, line.quantity, when, None) for one in quote.slas],
        "deliveryChannels": [{**one, **balance} for one in deliveries.channels(quote)],
    }


def _conditions(priced: PricedLine, when: Estimates) -> Json:
    line, offer = priced.line, priced.offer
    return {
        "id": line.id,
        "seller": line.seller,
        "sellerChain": [line.seller],
        "slas": [
            deliveries.sla(one, line.seller, line.quantity, when, None) for one in priced.quote.slas
        ],
        "price": offer.price,
        "listPrice": offer.price if offer.list_price is None else offer.list_price,
    }


def seller_simulation(
    requested: Simulation, priced: PricedCart, echoed: list[str], now: datetime, *, time_zone: str
) -> Json:
    """The form that marketplaces read; `echoed` are the sellers as they were asked for."""
    when = Estimates(now, time_zone)
    sold = [one for one in priced.lines if one.offer.price is not None]
    any_there = any(_quantity(one) for one in sold)
    return {
        "country": requested.country,
        "postalCode": requested.postal_code,
        "geoCoordinates": requested.coordinates,
        "items": [_sold_item(one, echoed, now) for one in sold],
        "logisticsInfo": [_sold_logistics(i, one, when) for i, one in enumerate(sold)]
        if any_there
        else [],
        "pickupPoints": deliveries.pickup_points(sold),
        "allowMultipleDeliveries": False,
    }


def _quantity(priced: PricedLine) -> int:
    """What was requested, or the most there is."""
    gone = priced.quote.availability is Availability.WITHOUT_STOCK
    return 0 if gone else priced.line.quantity


def _sold_item(priced: PricedLine, echoed: list[str], now: datetime) -> Json:
    line, offer = priced.line, priced.offer
    index = int(line.unique_id)
    return {
        "id": line.id,
        "requestIndex": index,
        "quantity": _quantity(priced),
        "seller": echoed[index],
        "price": offer.price,
        "listPrice": offer.price if offer.list_price is None else offer.list_price,
        "priceTags": [],
        "priceValidUntil": lines.valid_until(offer, now),
        "measurementUnit": offer.measurement_unit,
        "unitMultiplier": lines.number(offer.unit_multiplier),
        "merchantName": None,
        "offerings": lines.offerings(offer.services),
    }


def _sold_logistics(index: int, priced: PricedLine, when: Estimates) -> Json:
    quote, line = priced.quote, priced.line
    balance = line.quantity if quote.stock is None else quote.stock
    return {
        "itemIndex": index,
        "quantity": _quantity(priced),
        "stockBalance": balance,
        "shipsTo": list(quote.ships_to),
        "slas": [deliveries.sla(one, line.seller, line.quantity, when, None) for one in quote.slas],
        "deliveryChannels": [
            {**one, "stockBalance": balance} for one in deliveries.channels(quote)
        ],
    }
