"""The table of outgoing streams. Instants are microseconds since 1970 UTC."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from oms_ledger.eventstore.tables import BIG, metadata

outgoing_streams = Table(
    "outgoing_streams",
    metadata,
    Column("name", Text, primary_key=True),
    Column("account", Text, nullable=False),
    # Encrypted: it may hold a password.
    Column("url", LargeBinary, nullable=False),
    # The key of a Redis stream, or how the subjects of NATS begin.
    Column("target", Text, nullable=False),
    # About how many entries a Redis stream keeps; 0 for all.
    Column("keep", BIG, nullable=False),
    Column("start", BIG, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("retry_at", BIG, nullable=False, server_default="0"),
    Column("last_error", Text),
    Index("outgoing_streams_account", "account"),
)
