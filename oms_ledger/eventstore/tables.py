"""The ledger's tables. Instants are microseconds since 1970 UTC; nothing here is updated.

`taken_at` of a unique key is when it was taken: one of a client's is forgotten after its time.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()

CLAIMED = r"key LIKE 'idempotency\:%'"
"""Of the unique keys those that clients chose."""

BIG = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("position", BIG, primary_key=True, autoincrement=False),
    Column("account", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("at", BIG, nullable=False),
    Column("actor", Text, nullable=False),
    Column("cause", Text),
    Column("status_before", Text),
    Column("status", Text),
    Column("domain", Text),
    Column("moved_before_at", BIG),
    Column("body", LargeBinary, nullable=False),
    Column("personal", LargeBinary),
    Column("digest", LargeBinary, nullable=False),
    Column("origin_position", BIG),
    Index("events_stream_version", "stream", "version", unique=True),
    Index("events_account_position", "account", "position"),
)

account_heads = Table(
    "account_heads",
    metadata,
    Column("account", Text, primary_key=True),
    Column("position", BIG, nullable=False),
    Index("account_heads_position", "position"),
)
"""The last position of each account; a trigger of `events` keeps it, whatever appends."""

hosted = Table(
    "hosted",
    metadata,
    Column("account", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("epoch", Integer, nullable=False, server_default="1"),
    Column("arrived_until", BIG, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
)
"""What this cell is to an account: live, arriving, leaving, gone or forgotten.

One without a row is live.

`attempt` is the number of the last try to move it: who made an earlier one changes nothing more.

Events of the account up to `arrived_until` were recorded by another cell: what follows from them
was brought along.
"""

former_positions = Table(
    "former_positions",
    metadata,
    Column("account", Text, primary_key=True),
    Column("cell", Text, primary_key=True),
    Column("former", BIG, primary_key=True, autoincrement=False),
    Column("position", BIG, nullable=False),
    Index("former_positions_position", "account", "position"),
)
"""Where an event of an account that moved stood in a cell that hosted it before."""

data_keys = Table(
    "data_keys",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

# `digest` is that of the key by its purpose; of `signing` it is the secret itself, sealed.
key_checks = Table(
    "key_checks",
    metadata,
    Column("purpose", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
)

unique_keys = Table(
    "unique_keys",
    metadata,
    Column("account", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("taken_at", BIG),
    Index(
        "unique_keys_taken_at",
        "taken_at",
        sqlite_where=text(CLAIMED),
        postgresql_where=text(CLAIMED),
    ),
)

seals = Table(
    "seals",
    metadata,
    Column("position_to", BIG, primary_key=True, autoincrement=False),
    Column("position_from", BIG, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

anchors = Table(
    "anchors",
    metadata,
    Column("position", BIG, primary_key=True, autoincrement=False),
    Column("seal", LargeBinary, nullable=False),
    Column("size", BIG, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
    Column("at", BIG, nullable=False),
    Column("key", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("time_stamp", LargeBinary),
)

sequences = Table(
    "sequences",
    metadata,
    Column("account", Text, primary_key=True),
    Column("next", BIG, nullable=False),
)
