"""An order as others read it: derived facts, computed once and cut to the published shapes."""

from oms_ledger.orders.documents.filter_document import (
    filter_document,
    filter_facts,
    filter_parts,
    in_object_form,
)
from oms_ledger.orders.documents.list_row import list_row
from oms_ledger.orders.documents.oms import oms_document
from oms_ledger.orders.documents.pii import pii_document
from oms_ledger.orders.documents.placement import placed_order

__all__ = [
    "filter_document",
    "filter_facts",
    "filter_parts",
    "in_object_form",
    "list_row",
    "oms_document",
    "pii_document",
    "placed_order",
]
