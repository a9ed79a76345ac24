"""The entity `orders`: each order as a document, as filters and triggers see it."""

from collections.abc import Collection
from typing import Any

from oms_ledger.orders.documents import filter_document
from oms_ledger.orders.order import Order

_INTERNAL = {"id": "orderId", "createdIn": "creationDate", "updatedIn": "lastChange"}


def order_document(order: Order, names: Collection[str] | None = None) -> dict[str, Any]:
    """The document of an order; with `names` only those of its fields."""
    if names is None:
        document = filter_document(order)
    else:
        wanted = {*(_INTERNAL.get(name, name) for name in names), *_INTERNAL.values()}
        document = filter_document(order, tuple((name, None) for name in sorted(wanted)))
    return {**document, **{name: document.get(of) for name, of in _INTERNAL.items()}}
