"""Schemas of the published documents: their shapes are the models."""

from typing import Any

from oms_ledger.api.description.inference import Schema
from oms_ledger.orders import instants
from oms_ledger.orders.documents.oms import OMS_DOCUMENT
from oms_ledger.orders.documents.pii import PII_DOCUMENT
from oms_ledger.orders.documents.placement import PLACED_ORDER
from oms_ledger.orders.documents.shapes import Maybe

DOCUMENTS: dict[str, Any] = {
    "Order": OMS_DOCUMENT,
    "OrderDocument": PII_DOCUMENT,
    "PlacedOrder": PLACED_ORDER,
}

_INSTANT = {"type": ["string", "null"], "description": "An instant, ISO 8601"}


def schema_of_shape(shape: Any) -> Schema:
    """The schema of documents of a shape; a part that no shape looks into may be anything."""
    match shape:
        case Maybe(shape=part):
            return {"anyOf": [schema_of_shape(part), {"type": "null"}]}
        case dict():
            properties = {name: schema_of_shape(part) for name, part in shape.items()}
            return {"type": "object", "properties": properties}
        case list() if shape:
            return {"type": "array", "items": schema_of_shape(shape[0])}
        case list() | tuple():
            return {"type": "array", "items": {}}
        case bool():
            return {"type": ["boolean", "null"]}
        case _:
            return _INSTANT if shape in (instants.instant, instants.wall_time) else {}
