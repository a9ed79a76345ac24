"""Tables of conversations and mails. Instants are microseconds since 1970 UTC."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from oms_ledger.eventstore.tables import BIG, metadata

mail_templates = Table(
    "mail_templates",
    metadata,
    Column("account", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("changed_at", BIG, nullable=False),
    Column("changed_by", Text, nullable=False),
)

mail_providers = Table(
    "mail_providers",
    metadata,
    Column("account", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("url", LargeBinary, nullable=False),
    Column("configured_at", BIG, nullable=False),
)

# What was said about an order, once for each occasion; the content is sealed by the order's key.
conversation_messages = Table(
    "conversation_messages",
    metadata,
    Column("account", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("occasion", Text, primary_key=True),
    Column("at", BIG, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("conversation_messages_at", "account", "order_id", "at"),
)

# The addresses that stand for the parties of an order; whose each is follows from its name.
conversation_aliases = Table(
    "conversation_aliases",
    metadata,
    Column("account", Text, primary_key=True),
    Column("alias", Text, primary_key=True),
    Column("order_id", Text, nullable=False),
    Column("party", Text, nullable=False),
    Index("conversation_aliases_order", "account", "order_id"),
)
