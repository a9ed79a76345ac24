"""Tables of the outbox. Instants are microseconds since 1970 UTC."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, text

from oms_ledger.eventstore.tables import BIG, metadata

# What others have to be sent: to partners, gateways and hooks, and by triggers.
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
    # What a hook gets, in the order of the ledger: a backlog is not sorted for each look. Its
    # messages have no claims of their own; who looks for something else does not say so, and
    # finds it by the key.
    Index(
        "outbox_messages_webhooks",
        "recipient",
        "state",
        "position",
        sqlite_where=text("channel = 'webhook' AND claimed_until = 0"),
        postgresql_where=text("channel = 'webhook' AND claimed_until = 0"),
    ),
)

# One try to send a message; `outcome` says what was wrong, or a note of what was done. Attempts for
# messages that do not stay when they are delivered say what they were about, and when again.
outbox_attempts = Table(
    "outbox_attempts",
    metadata,
    Column("message", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("at", BIG, nullable=False),
    Column("duration", BIG, nullable=False),
    Column("status", Integer),
    Column("outcome", Text),
    Column("recipient", Text),
    Column("position", BIG),
    Column("order_id", Text),
    Column("next_at", BIG),
    Index("outbox_attempts_at", "at"),
    Index(
        "outbox_attempts_latest",
        "recipient",
        "at",
        sqlite_where=text("recipient IS NOT NULL"),
        postgresql_where=text("recipient IS NOT NULL"),
    ),
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
