"""Every table of the ledger, its views and its queues, as the first release has them."""

from pathlib import Path

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    text,
)

revision = "0001_baseline"
down_revision = None
branch_labels = None
depends_on = None

metadata = MetaData()

CLAIMED = r"key LIKE 'idempotency\:%'"

BIG = BigInteger().with_variant(Integer, "sqlite")

Table(
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
    Index("events_stream_version", "stream", "version", unique=True),
    Index("events_account_position", "account", "position"),
)

Table(
    "data_keys",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

Table(
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

Table(
    "seals",
    metadata,
    Column("position_to", BIG, primary_key=True, autoincrement=False),
    Column("position_from", BIG, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

Table(
    "sequences",
    metadata,
    Column("account", Text, primary_key=True),
    Column("next", BIG, nullable=False),
)

Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("position", BIG, nullable=False),
    Column("token", BIG, nullable=False, server_default="0"),
    Column("leased_until", BIG, nullable=False, server_default="0"),
    Column("holder", Text),
    Column("view_version", Integer, nullable=False, server_default="0"),
    Column("replay_until", BIG, nullable=False, server_default="0"),
)

Table(
    "order_views",
    metadata,
    Column("account", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("order_group", Text, nullable=False),
    Column("sequence", BIG, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("status", Text),
    Column("created_at", BIG, nullable=False),
    Column("authorized_at", BIG),
    Column("approved_at", BIG),
    Column("ready_at", BIG),
    Column("invoiced_at", BIG),
    Column("estimate_at", BIG),
    Column("delivered", Boolean, nullable=False),
    Column("value", BIG, nullable=False),
    Column("items", BIG, nullable=False),
    Column("origin", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("terms", Text, nullable=False),
    # What is long comes last: the columns before it are read without it.
    Column("row", LargeBinary, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("order_views_created", "account", "complete", "created_at", "order_id"),
    Index("order_views_status", "account", "status", "created_at", "order_id"),
    Index("order_views_authorized", "account", "authorized_at"),
    Index("order_views_invoiced", "account", "invoiced_at"),
    Index("order_views_estimate", "account", "estimate_at"),
    Index("order_views_value", "account", "complete", "value", "order_id"),
    Index("order_views_items", "account", "complete", "items", "order_id"),
    Index("order_views_origin", "account", "complete", "origin", "order_id"),
    Index("order_views_group", "account", "order_group"),
    Index("order_views_sequence", "account", "sequence"),
)

Table(
    "order_search_terms",
    metadata,
    Column("account", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    # Compared by code points, whatever the database's language: prefixes are ranges then.
    Column("term", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    Column("shown", Text, nullable=False),
    Index("order_search_terms_term", "account", "kind", "term", "order_id"),
    sqlite_with_rowid=False,
)

Table(
    "exports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("order_query", Text, nullable=False),
    Column("export_format", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("total", BIG, nullable=False),
    Column("orders", BIG, nullable=False),
    Column("failed_orders", Text, nullable=False),
    Column("after_created", BIG),
    Column("after_id", Text),
    Column("chunks", Integer, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("finished_at", BIG),
    Index("exports_account", "account", "created_at"),
    Index("exports_state", "state"),
)

Table(
    "export_chunks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("chunk", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

Table(
    "order_totals",
    metadata,
    Column("account", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("span", Text, primary_key=True),
    Column("term", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("status", Text, primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("count", BIG, nullable=False),
    *(
        Column(f"{of}_{figure}", BIG, nullable=False)
        for of in ("value", "items")
        for figure in ("sum", "squares_high", "squares_low", "min", "min_count", "max", "max_count")
    ),
    sqlite_with_rowid=False,
)

Table(
    "timers",
    metadata,
    Column("account", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("due_at", BIG, nullable=False),
    Index("timers_due", "due_at"),
)

Table(
    "customer_index",
    metadata,
    Column("account", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Index("customer_index_name", "account", "name"),
)

Table(
    "app_keys",
    metadata,
    Column("app_key", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("revoked_at", BIG),
    Column("previous_hash", LargeBinary),
    Column("previous_until", BIG),
)

Table(
    "feeds",
    metadata,
    Column("app_key", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("filter", Text, nullable=False),
    Column("visibility", Integer, nullable=False),
    Column("retention", Integer, nullable=False),
    Column("generation", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("last_item_at", BIG, nullable=False),
)

Table(
    "feed_items",
    metadata,
    Column("app_key", Text, primary_key=True),
    Column("position", BIG, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("domain", Text),
    Column("state", Text),
    Column("last_state", Text),
    Column("last_change", BIG),
    Column("current_change", BIG, nullable=False),
    Column("produced_at", BIG, nullable=False),
    Column("visible_at", BIG, nullable=False),
    Column("retrievals", Integer, nullable=False, server_default="0"),
    Column("replayed", Boolean, nullable=False, server_default=false()),
    Index("feed_items_age", "produced_at"),
)

Table(
    "single_fire_orders",
    metadata,
    Column("subscription", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("position", BIG, nullable=False),
)

Table(
    "filter_stats",
    metadata,
    Column("subscription", Text, primary_key=True),
    Column("evaluated", BIG, nullable=False),
    Column("matched", BIG, nullable=False),
    Column("failed", BIG, nullable=False),
    Column("micros", BIG, nullable=False),
    Column("last_failure", Text),
    Column("last_failure_position", BIG),
    Column("last_failure_at", BIG),
)

Table(
    "filter_timeouts",
    metadata,
    Column("subscription", Text, primary_key=True),
    Column("position", BIG, primary_key=True, autoincrement=False),
)

Table(
    "dead_letters",
    metadata,
    Column("subscription", Text, primary_key=True),
    Column("position", BIG, primary_key=True, autoincrement=False),
    Column("order_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BIG, nullable=False),
    Column("content", Text, nullable=False),
)

Table(
    "hooks",
    metadata,
    Column("app_key", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("filter", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("headers", LargeBinary, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("generation", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("consecutive_failures", Integer, nullable=False, server_default="0"),
    Column("circuit_open_until", BIG, nullable=False, server_default="0"),
    Column("last_notification_at", BIG, nullable=False),
    Column("previous_secret", LargeBinary),
    Column("previous_until", BIG, nullable=False, server_default="0"),
    Column("paused_at", BIG),
    Column("resumed_at", BIG, nullable=False, server_default="0"),
)

Table(
    "deliveries",
    metadata,
    Column("app_key", Text, primary_key=True),
    Column("position", BIG, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("notification", Text, nullable=False),
    Column("produced_at", BIG, nullable=False),
    Column("due_at", BIG, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("replayed", Boolean, nullable=False, server_default=false()),
    Index("deliveries_due", "app_key", "due_at"),
    Index("deliveries_order", "app_key", "order_id", "position"),
)

Table(
    "attempts",
    metadata,
    Column("app_key", Text, primary_key=True),
    Column("position", BIG, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True),
    Column("at", BIG, nullable=False),
    Column("duration", BIG, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("order_id", Text),
    Column("next_at", BIG),
    Index("attempts_at", "at"),
    Index("attempts_latest", "app_key", "at"),
)

Table(
    "outbox_messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("position", BIG, nullable=False),
    Column("number", Integer, nullable=False),
    Column("recipient", Text, nullable=False),
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
    Index("outbox_messages_order", "account", "order_id", "recipient", "position", "number"),
    Index("outbox_messages_due", "state", "due_at"),
)

Table(
    "external_sellers",
    metadata,
    Column("account", Text, primary_key=True),
    Column("seller", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("credentials", LargeBinary, nullable=False),
    Column("configured_at", BIG, nullable=False),
)

Table(
    "gateways",
    metadata,
    Column("account", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("credentials", LargeBinary, nullable=False),
    Column("configured_at", BIG, nullable=False),
)

Table(
    "process_metrics",
    metadata,
    Column("process", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", BIG, nullable=False),
    Column("body", Text, nullable=False),
)

Table(
    "tasks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("surrogate_key", Text, nullable=False),
    Column("context", Text, nullable=False),
    Column("assignee", Text),
    Column("status", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("changed_at", BIG, nullable=False),
    # The event by which the ledger last opened or closed it; 0 for a task that people keep.
    Column("flow_position", BIG, nullable=False, server_default="0"),
    Index("tasks_key", "account", "surrogate_key", unique=True),
    Index("tasks_created", "account", "created_at", "id"),
)

Table(
    "task_targets",
    metadata,
    Column("account", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("task", Text, primary_key=True),
)

Table(
    "task_history",
    metadata,
    Column("task", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("at", BIG, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
)


_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    op.execute("INSERT INTO subscriptions (id, position) VALUES ('outbox', 0)")
    if op.get_bind().dialect.name == "postgresql":
        sql = Path(__file__).parent.parent / "append_events.sql"
        op.get_bind().exec_driver_sql(sql.read_text())
        op.execute("ALTER TABLE events ALTER COLUMN body SET STORAGE EXTERNAL")
        op.execute(f"ALTER TABLE unique_keys ALTER COLUMN taken_at SET DEFAULT {_NOW}")
        # Items come and go: room for updates in place, and a vacuum that keeps up.
        op.execute(
            "ALTER TABLE feed_items SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)"
        )


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward: restore a backup instead")
