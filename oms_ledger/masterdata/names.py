"""Names of entities, schemas, indices and documents: what they may be made of."""

import re

from oms_ledger.masterdata.refusals import InvalidBody

ORDERS, CLIENTS, ADDRESSES = "orders", "CL", "AD"

_ENTITY = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_SCHEMA = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)


def is_entity(name: str) -> bool:
    return _ENTITY.fullmatch(name) is not None


def require_entity(name: str) -> str:
    if not is_entity(name):
        raise InvalidBody("The entity's name: expected 1 to 100 letters, digits, - or _")
    return name


def require_schema(name: str) -> str:
    if not _SCHEMA.fullmatch(name):
        raise InvalidBody("The schema's name: expected 1 to 100 letters, digits, -, . or _")
    return name


def require_document(document_id: str) -> str:
    control = any(ord(char) < 32 or 127 <= ord(char) < 160 for char in document_id)
    if not 1 <= len(document_id) <= 100 or "/" in document_id or control:
        raise InvalidBody("id: expected 1 to 100 characters without / and control characters")
    return document_id


def document_key(document_id: str) -> str:
    """By what a document gets apart from others: its id without case."""
    return document_id.casefold()
