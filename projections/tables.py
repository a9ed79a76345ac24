"""Tables of views, subscriptions and queues. Instants are microseconds since 1970 UTC, money
cents.
"""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table, Text, false, true

from oms_ledger.eventstore.tables import BIG, metadata

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("position", BIG, nullable=False),
    Column("view_version", Integer, nullable=False, server_default="0"),
    Column("replay_until", BIG, nullable=False, server_default="0"),
    Column("kind", Text, nullable=False, server_default="view"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token", BIG, nullable=False),
    Column("holder", Text),
    Column("expires_at", BIG, nullable=False),
)

order_views = Table(
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

order_search_terms = Table(
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

# What an export, which is a job, has found so far, compressed.
export_chunks = Table(
    "export_chunks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("chunk", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

order_totals = Table(
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

timers = Table(
    "timers",
    metadata,
    Column("account", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("due_at", BIG, nullable=False),
    Index("timers_due", "due_at"),
)

customer_index = Table(
    "customer_index",
    metadata,
    Column("account", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Index("customer_index_name", "account", "name"),
)

app_keys = Table(
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
    Column("label", Text),
    Column("party", Text),
    Column("resources", Text, nullable=False, server_default="[]"),
)

token_bounds = Table(
    "token_bounds",
    metadata,
    Column("account", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("not_before", BIG, nullable=False),
)

feeds = Table(
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
    Index("feeds_account", "account"),
)

feed_items = Table(
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

single_fire_orders = Table(
    "single_fire_orders",
    metadata,
    Column("subscription", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("position", BIG, nullable=False),
)

filter_stats = Table(
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

filter_timeouts = Table(
    "filter_timeouts",
    metadata,
    Column("subscription", Text, primary_key=True),
    Column("position", BIG, primary_key=True, autoincrement=False),
)

filter_pauses = Table(
    "filter_pauses",
    metadata,
    Column("subscription", Text, primary_key=True),
    Column("position", BIG, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("paused_at", BIG, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("subscription", Text, primary_key=True),
    Column("position", BIG, primary_key=True, autoincrement=False),
    Column("order_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BIG, nullable=False),
    Column("content", Text, nullable=False),
)

hooks = Table(
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
    Column("last_notification_at", BIG, nullable=False),
    Column("previous_secret", LargeBinary),
    Column("previous_until", BIG, nullable=False, server_default="0"),
    Column("paused_at", BIG),
    Column("resumed_at", BIG, nullable=False, server_default="0"),
    Column("pause_reason", Text),
    Index("hooks_account", "account"),
)

sellers = Table(
    "sellers",
    metadata,
    Column("account", Text, primary_key=True),
    Column("seller", Text, primary_key=True),
    Column("unsealed_url", Text),  # of rows from before endpoints were sealed
    Column("secrets", LargeBinary, nullable=False),
    Column("configured_at", BIG, nullable=False),
    Column("outside", Boolean, nullable=False, server_default=true()),
    Column("body", Text, nullable=False, server_default="{}"),
    Column("channels", Text, nullable=False, server_default="[]"),
)

affiliates = Table(
    "affiliates",
    metadata,
    Column("account", Text, primary_key=True),
    Column("affiliate", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("secrets", LargeBinary, nullable=False),
    Column("configured_at", BIG, nullable=False),
)

gateways = Table(
    "gateways",
    metadata,
    Column("account", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("credentials", LargeBinary, nullable=False),
    Column("configured_at", BIG, nullable=False),
)

process_metrics = Table(
    "process_metrics",
    metadata,
    Column("process", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", BIG, nullable=False),
    Column("body", Text, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("surrogate_key", Text, nullable=False),
    Column("context", Text, nullable=False),
    Column("assignee", Text),
    Column("status", Text, nullable=False),
    Column("body", Text, nullable=False),
    # What it is searched by, without case: its name, its assignee, the comments.
    Column("words", Text, nullable=False, server_default=""),
    Column("created_at", BIG, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("changed_at", BIG, nullable=False),
    # The event by which the ledger last opened or closed it; 0 for a task that people keep.
    Column("flow_position", BIG, nullable=False, server_default="0"),
    Index("tasks_key", "account", "surrogate_key", unique=True),
    Index("tasks_created", "account", "created_at", "id"),
)

task_targets = Table(
    "task_targets",
    metadata,
    Column("account", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("task", Text, primary_key=True),
)

task_history = Table(
    "task_history",
    metadata,
    Column("task", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("at", BIG, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("app_key", Text, nullable=False),
    # What the request that wrote it asked for, where it carried an Idempotency-Key.
    Column("request", Text),
    Index("notes_target", "account", "target", "created_at", "id"),
)
