"""Lines of a cart as documents show them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from oms_ledger.carts.cart import Json
from oms_ledger.carts.pricing import PricedLine
from oms_ledger.offers.catalog import Offer, Service
from oms_ledger.orders.pricing import LineFigures

VALID_FOR = timedelta(days=365)  # of a price whose offer names no end, as real carts show it


def item(priced: PricedLine, now: datetime, *, shows_manual_price: bool) -> Json:
    """An event of `items[]`."""
    line, offer = priced.line, priced.offer
    return {
        "uniqueId": line.unique_id,
        "id": line.id,
        "productId": offer.product_id or line.id,
        "productRefId": offer.product_ref or "",
        "refId": offer.ref_id,
        "ean": offer.ean,
        "name": offer.label,
        "skuName": offer.sku_name or offer.label,
        "modalType": None,
        "parentItemIndex": None,
        "parentAssemblyBinding": None,
        "assemblies": [],
        "priceValidUntil": valid_until(offer, now),
        "tax": offer.tax,
        "price": offer.price or 0,
        "listPrice": (offer.price or 0) if offer.list_price is None else offer.list_price,
        "manualPrice": line.manual_price if shows_manual_price else None,
        "manualPriceAppliedBy": line.manual_price_by if shows_manual_price else None,
        "sellingPrice": priced.figures.selling_price,
        "rewardValue": 0,
        "isGift": False,
        "additionalInfo": {
            "dimension": None,
            "brandName": offer.brand or "",
            "brandId": offer.brand_id or "",
            "offeringInfo": None,
            "offeringType": None,
            "offeringTypeId": None,
        },
        "preSaleDate": None,
        "productCategoryIds": category_ids(offer),
        "productCategories": offer.categories,
        "quantity": line.quantity,
        "seller": line.seller,
        "sellerChain": [line.seller],
        "imageUrl": offer.image_url or "",
        "detailUrl": offer.detail_url or "",
        "components": [],
        "bundleItems": bundle_items(priced),
        "attachments": [{"name": one.name, "content": one.content} for one in line.attachments],
        "attachmentOfferings": [
            {
                "name": one.name,
                "required": one.required,
                "schema": {
                    key: {
                        "maximumNumberOfCharacters": field.maximum_number_of_characters,
                        "domain": list(field.domain),
                    }
                    for key, field in one.schema.items()
                },
            }
            for one in offer.attachments
        ],
        "offerings": offerings(offer.services),
        "priceTags": price_tags(priced),
        "availability": str(priced.quote.availability),
        "measurementUnit": offer.measurement_unit,
        "unitMultiplier": number(offer.unit_multiplier),
        "manufacturerCode": None,
        "taxCode": "",
        "priceDefinition": price_definition(priced.figures),
    }


def number(value: Decimal) -> int | float:
    """A multiplier as JSON writes it: `1`, `0.3`."""
    return int(value) if value == value.to_integral_value() else float(value)


def valid_until(offer: Offer, now: datetime) -> str:
    """Until when a price holds: as the offer says, else a year."""
    until = offer.valid_until or now + VALID_FOR
    return f"{until:%Y-%m-%dT%H:%M:%S}Z"


def category_ids(offer: Offer) -> str:
    """The path of categories, as `/1/11/`; empty for none."""
    return "/" + "/".join(offer.categories) + "/" if offer.categories else ""


def price_definition(figures: LineFigures) -> Json:
    """What a line costs in cents, and its unit prices with the pieces at each."""
    return {
        "calculatedSellingPrice": figures.selling_price,
        "total": figures.total,
        "sellingPrices": [
            {"value": value, "quantity": count} for value, count in figures.selling_prices
        ],
        "reason": None,
    }


def price_tags(priced: PricedLine) -> list[Json]:
    """The tags of a line; `value` in cents, `rawValue` in units of the currency."""
    return [
        {
            "name": tag.name,
            "value": tag.value,
            "rawValue": tag.raw_value,
            "isPercentual": tag.is_percentual,
            "identifier": tag.identifier,
            "owner": tag.owner,
        }
        for tag in priced.tags
    ]


def offerings(services: Iterable[Service]) -> list[Json]:
    """Services that may be had with a line; prices in cents."""
    return [
        {
            "type": service.type,
            "id": service.id,
            "name": service.name,
            "allowGiftMessage": False,
            "attachmentOfferings": [],
            "price": service.price,
        }
        for service in services
    ]


def bundle_items(priced: PricedLine) -> list[Json]:
    """Services that were chosen, once for each piece."""
    return [
        {**one, "quantity": priced.line.quantity, "attachments": []}
        for one in offerings(priced.services)
    ]


def metadata(lines: Iterable[PricedLine]) -> Json:
    """One event per SKU and seller in the cart."""
    entries: dict[tuple[str, str], Json] = {}
    for priced in lines:
        line, offer = priced.line, priced.offer
        entries.setdefault(
            (line.id, line.seller),
            {
                "id": line.id,
                "seller": line.seller,
                "name": offer.label,
                "skuName": offer.sku_name or offer.label,
                "productId": offer.product_id or line.id,
                "refId": offer.ref_id,
                "ean": offer.ean,
                "imageUrl": offer.image_url or "",
                "detailUrl": offer.detail_url or "",
                "assemblyOptions": [],
            },
        )
    return {"items": list(entries.values())}
