"""Tables of Master Data's documents. Instants are microseconds since 1970 UTC."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, LargeBinary, Table, Text

from oms_ledger.eventstore.tables import BIG, metadata

# Compared by code points, whatever the database's language: prefixes are ranges then.
_CODE_POINTS = Text().with_variant(Text(collation="C"), "postgresql")

documents = Table(
    "documents",
    metadata,
    Column("account", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    # The id without case, by which documents get apart; `id` is as it was first spelled.
    Column("id_key", _CODE_POINTS, primary_key=True),
    Column("id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("updated_at", BIG),
    Column("updated_by", Text),
    Column("last_interaction_at", BIG, nullable=False),
    Column("last_interaction_by", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("documents_created", "account", "entity", "created_at", "id_key"),
    Index("documents_updated", "account", "entity", "updated_at"),
)

# A value at a path of a document, as conditions compare it.
document_terms = Table(
    "document_terms",
    metadata,
    Column("account", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("id_key", _CODE_POINTS, primary_key=True),
    Column("path", _CODE_POINTS, primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    # A text without case: what an index event can hold of it, and what is beyond.
    Column("term", _CODE_POINTS),
    Column("rest", _CODE_POINTS),
    Column("number", Float(53)),
    Column("instant", BIG),
    Index("document_terms_term", "account", "entity", "path", "term", "id_key"),
    Index("document_terms_number", "account", "entity", "path", "number", "id_key"),
    Index("document_terms_instant", "account", "entity", "path", "instant", "id_key"),
    sqlite_with_rowid=False,
)

# Which schemas a document complies with.
document_schemas = Table(
    "document_schemas",
    metadata,
    Column("account", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("schema", Text, primary_key=True),
    Column("id_key", _CODE_POINTS, primary_key=True),
    Index("document_schemas_document", "account", "entity", "id_key"),
    sqlite_with_rowid=False,
)

# Entities that somebody saved a document or a schema of.
document_entities = Table(
    "document_entities",
    metadata,
    Column("account", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
)

document_scrolls = Table(
    "document_scrolls",
    metadata,
    Column("token", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("total", BIG, nullable=False),
    Column("next", BIG, nullable=False),
    # Whether it still counts among the scrolls that an account may have open.
    Column("open", Boolean, nullable=False),
    Column("called_at", BIG, nullable=False),
    Index("document_scrolls_account", "account", "called_at"),
)

document_scroll_items = Table(
    "document_scroll_items",
    metadata,
    Column("token", Text, primary_key=True),
    Column("ordinal", BIG, primary_key=True, autoincrement=False),
    Column("id_key", _CODE_POINTS, nullable=False),
    sqlite_with_rowid=False,
)

trigger_secrets = Table(
    "trigger_secrets",
    metadata,
    Column("account", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", BIG, nullable=False),
)
