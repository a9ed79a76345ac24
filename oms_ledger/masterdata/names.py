"""Names of entities, schemas, indices and documents: what they may be made of."""

import re

from oms_ledger.masterdata.refusals import InvalidBody

ORDERS, CLIENTS, ADDRESSES = "orders", "CL", "AD"

_ENTITY = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_SCHEMA = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_DOCUMENT = re.compile(r"(?!\.{1,2}\Z)[^/\x00-\x1f\x7f-\x9f]{1,100}")
"""No `.` or `..`: no address leads to a document of that id."""


def is_entity(name: str) -> bool:
    """Whether an entity may be called so: 1 to 100 letters, digits, `-` or `_`."""
    return _ENTITY.fullmatch(name) is not None


def require_entity(name: str) -> str:
    """The name itself; `InvalidBody` where no entity can be called so."""
    if not is_entity(name):
        raise InvalidBody("The entity's name: expected 1 to 100 letters, digits, - or _")
    return name


def require_schema(name: str) -> str:
    """The name itself; `InvalidBody` where no schema can be called so."""
    if not _SCHEMA.fullmatch(name):
        raise InvalidBody("The schema's name: expected 1 to 100 letters, digits, -, . or _")
    return name


def require_document(document_id: str) -> str:
    """The id itself; `InvalidBody` where no document can have it."""
    if not _DOCUMENT.fullmatch(document_id):
        raise InvalidBody("id: expected 1 to 100 characters without / and control characters")
    return document_id


def document_key(document_id: str) -> str:
    """What no two documents of an entity share: the id without case."""
    return document_id.casefold()
