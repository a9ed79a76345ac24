"""What filters look into: the PII document and what the guide's expressions use besides.

A filter that says what it reads gets those parts and no others, and only they are worked out.
`Reads` is a tree: the names that are read of an object, each with what is read below it; None
stands for all of it. Lists are passed through: what is read of them is read of each member.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from oms_ledger.orders.documents import shape_parts
from oms_ledger.orders.documents.changes import every_change
from oms_ledger.orders.documents.deliveries import delivered
from oms_ledger.orders.documents.derived_fields import Derive, DerivedFields, derive_fields
from oms_ledger.orders.documents.pii import PII_DERIVED, PII_DOCUMENT, PII_PACKAGE
from oms_ledger.orders.documents.shapes import Maybe, cut
from oms_ledger.orders.instants import PII_ZONE
from oms_ledger.orders.order import Order

Reads = tuple[tuple[str, "Reads"], ...] | None

_PACKAGE = {
    **PII_PACKAGE,
    "restitutions": Maybe({"refund": shape_parts.REFUND, "Refund": shape_parts.REFUND}),
}
_DOCUMENT: dict[str, Any] = {
    **PII_DOCUMENT,
    "packageAttachment": {"packages": [_PACKAGE]},
    "finished": False,
}
_DERIVED: dict[str, Derive] = {**PII_DERIVED, "finished": lambda order, _: delivered(order)}

_OBJECT_FORMS = {"salesChannel": "Id"}
_WHOLE = ("changesAttachment",)
"""Parts that are finished after they were cut, so they are never cut to less."""


def filter_facts(order: Order, facts: DerivedFields | None = None) -> DerivedFields:
    """What any number of filters look into, worked out once for all of them."""
    return derive_fields(order, _DERIVED, facts)


def filter_document(
    order: Order, reads: Reads = None, facts: DerivedFields | None = None
) -> dict[str, Any]:
    """The order as a filter sees it: the parts that it reads, or all of them."""
    return filter_parts(filter_facts(order, facts), reads)


def filter_parts(fields: DerivedFields, reads: Reads = None) -> dict[str, Any]:
    """The parts of the document that are read, or all of it."""
    document = _cut_to(reads)(fields, PII_ZONE)
    if "changesAttachment" in document:
        document["changesAttachment"] = every_change(fields.order, document["changesAttachment"])
    return in_object_form(document, reads)


def in_object_form(document: dict[str, Any], reads: Reads) -> dict[str, Any]:
    """The document with a text as an object where that is how an expression reads it.

    The guide prints `salesChannel = "2"` and `salesChannel.Id != "3"`: an expression that only
    ever steps into it gets the object, every other one the text of the PII document.
    """
    for name, inside in reads or ():
        member = _OBJECT_FORMS.get(name)
        if member and inside and inside[0][0] == member and isinstance(document.get(name), str):
            document = {**document, name: {member: document[name]}}
    return document


@lru_cache(maxsize=4096)
def _cut_to(reads: Reads) -> Callable[[Mapping[str, Any], str], dict[str, Any]]:
    if reads is None:
        return cut(_DOCUMENT)
    return cut(
        {
            name: _DOCUMENT[name] if name in _WHOLE else _within(_DOCUMENT[name], inside)
            for name, inside in reads
            if name in _DOCUMENT
        }
    )


def _within(part: Any, reads: Reads) -> Any:
    """The part of a shape that is read; where nothing below is, what is there stays empty."""
    if reads is None or not isinstance(part, Maybe | dict | list) or not part:
        return part
    if isinstance(part, Maybe):
        inner = _within(part.shape, reads)
        return _empty_or_null if callable(inner) else Maybe(inner)
    if isinstance(part, list):
        return [_kept(part[0], reads)]
    kept = _kept(part, reads)
    return kept or _empty


def _kept(shape: Mapping[str, Any], reads: tuple[tuple[str, Reads], ...]) -> dict[str, Any]:
    return {name: _within(shape[name], inside) for name, inside in reads if name in shape}


def _empty(_given: Any, _zone: str) -> dict[str, Any]:
    return {}


def _empty_or_null(given: Any, _zone: str) -> dict[str, Any] | None:
    return {} if isinstance(given, Mapping) else None
