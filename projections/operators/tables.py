"""Tables of operators. Secrets are stored as hashes; instants are microseconds since 1970 UTC."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table, Text, false

from oms_ledger.eventstore.tables import BIG, metadata

operators = Table(
    "operators",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text),
    Column("deployment", Boolean, nullable=False, server_default=false()),
    Column("language", Text, nullable=False, server_default="en"),
    Column("scheme", Text, nullable=False, server_default="system"),
    Column("density", Text, nullable=False, server_default="compact"),
    Column("shortcuts", Boolean, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("disabled_at", BIG),
    # Sealed by the master key; None where the password alone opens.
    Column("second_factor", LargeBinary),
    # The last 30 seconds whose code was used: none counts twice. No event makes it.
    Column("second_factor_step", BIG, nullable=False, server_default="0"),
)

operator_roles = Table(
    "operator_roles",
    metadata,
    Column("operator", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Index("operator_roles_account", "account", "operator"),
)

operator_sessions = Table(
    "operator_sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("operator", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("seen_at", BIG, nullable=False),
    Column("verified_at", BIG, nullable=False),
    Column("expires_at", BIG, nullable=False),
    Column("agent", Text, nullable=False),
    Column("message", Text),
    Index("operator_sessions_operator", "operator", "created_at"),
    Index("operator_sessions_expires", "expires_at"),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    # None for the first link of a deployment: the operator is made by using it.
    Column("operator", Text),
    Column("purpose", Text, nullable=False),
    Column("account", Text),
    Column("expires_at", BIG, nullable=False),
    Column("used_at", BIG),
    Index("sign_in_links_expires", "expires_at"),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("who", Text, primary_key=True),
    Column("known_browser", Boolean, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("first_at", BIG, nullable=False),
    Column("blocked_until", BIG, nullable=False, server_default="0"),
)

saved_views = Table(
    "saved_views",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    # None: everybody of the account has it.
    Column("owner", Text),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("columns", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    Index("saved_views_account", "account", "created_at"),
)

# The orders of a bulk run, which is a job, with what became of each.
run_orders = Table(
    "run_orders",
    metadata,
    Column("run", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("order_id", Text, nullable=False),
    Column("outcome", Text),
    Column("code", Text),
    Column("message", Text),
    Index("run_orders_order", "run", "order_id"),
)
