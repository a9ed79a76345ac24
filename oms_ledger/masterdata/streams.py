"""The streams of Master Data: entities, documents, the values of unique indices, counters."""

from oms_ledger.masterdata.names import document_key

ENTITY, DOCUMENT, KEY, COUNTER = "entity", "document", "document-key", "document-counter"


def entity_stream(account: str, entity: str) -> str:
    """The stream of an entity's schemas and indices: `{account}/entity/{entity}`."""
    return f"{account}/{ENTITY}/{entity}"


def document_stream(account: str, entity: str, document_id: str) -> str:
    """The stream of a document, whose id is written without case there."""
    return f"{account}/{DOCUMENT}/{entity}/{document_key(document_id)}"


def key_stream(account: str, entity: str, index: str, digest: str) -> str:
    """Of one value of a unique index; the digest says nothing of the value."""
    return f"{account}/{KEY}/{entity}/{index}/{digest}"


def counter_stream(account: str, entity: str, field: str) -> str:
    """The stream of the numbers that were given in a field of an entity."""
    return f"{account}/{COUNTER}/{entity}/{field}"


def category_of(stream: str) -> str:
    """What a stream is of; empty for an order's or the account's, which name no category."""
    parts = stream.split("/", 2)
    return parts[1] if len(parts) == 3 else ""


def entity_of(stream: str) -> str:
    """The entity that a stream of Master Data belongs to."""
    return stream.split("/", 3)[2]
