"""Tables of the outbox. Instants are microseconds since 1970 UTC."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, text

from oms_ledger.eventstore.tables import BIG, metadata

# What others have to be sent: to partners and gateways, and by triggers.
outbox_messages = Table(
    "outbox_messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    # The stream that it is about: of its messages to a recipient one is in flight.
    Column("ordering_key", Text, nullable=False),
    Column("position", BIG, nullable=False),
    Column("number", Integer, nullable=False),
    # Of the order that the message was sent by; null for messages of triggers.
    Column("order_id", Text),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("produced_at", BIG, nullable=False),
    Column("since", BIG, nullable=False),
    Column("due_at", BIG, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("last_error", Text),
    Column("skip_reason", Text),
    Column("completed_at", BIG),
    Column("claim", Text),
    Column("claimed_until", BIG, nullable=False, server_default="0"),
    Index("outbox_messages_key", "ordering_key", "channel", "recipient", "position", "number"),
    Index("outbox_messages_due", "state", "channel", "account", "recipient", "due_at"),
    Index(
        "outbox_messages_claimed",
        "channel",
        "account",
        "recipient",
        sqlite_where=text("claimed_until > 0"),
        postgresql_where=text("claimed_until > 0"),
    ),
)

# One try to send a message; `outcome` says what was wrong, or a note of what was done.
outbox_attempts = Table(
    "outbox_attempts",
    metadata,
    Column("message", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("at", BIG, nullable=False),
    Column("duration", BIG, nullable=False),
    Column("status", Integer),
    Column("outcome", Text),
    Index("outbox_attempts_at", "at"),
)

# How a recipient did: what decides how many messages it gets at a time, and whether any.
outbox_recipients = Table(
    "outbox_recipients",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
    # When it last answered for the first time after it did not; 0 before it ever did.
    Column("answered_at", BIG, nullable=False, server_default="0"),
    Column("consecutive_failures", Integer, nullable=False, server_default="0"),
    Column("circuit_open_until", BIG, nullable=False, server_default="0"),
    # When it last was given something: recipients take turns.
    Column("turn_at", BIG, nullable=False, server_default="0"),
)

# Kinds of messages that came with a release: nothing is sent for events up to `position`.
outbox_starts = Table(
    "outbox_starts",
    metadata,
    Column("recipient_kind", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("position", BIG, nullable=False),
)
